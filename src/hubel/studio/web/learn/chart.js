// The chart of what learns: its loss, and how many of the digits that are held out are right.

import { count, percent } from "hubel/view/dom";

/** Draw it, and say in words where both lines end. */
export function drawChart(chart, { losses, rights, loss, right, seen }, { lossColour, rightColour, quiet }) {
  const [width, height, ratio] = [chart.clientWidth || 640, 220, devicePixelRatio || 1];
  if (chart.width !== Math.round(width * ratio)) Object.assign(chart, { width: Math.round(width * ratio), height: height * ratio });
  const pen = chart.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const most = Math.max(seen, 1);
  const top = Math.max(2.5, ...losses.slice(0, 1).map(([, each]) => each));
  const line = (points, of, colour) => {
    pen.beginPath();
    points.forEach(([at, value], place) => pen[place ? "lineTo" : "moveTo"](34 + ((width - 74) * at) / most, 12 + (height - 34) * of(value)));
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.stroke();
  };
  pen.font = "12px sans-serif";
  pen.fillStyle = quiet;
  for (const [place, ofLoss, ofRight] of [[0, top.toFixed(1), "100 %"], [0.5, (top / 2).toFixed(1), "50 %"], [1, "0", "0 %"]]) {
    const y = 12 + (height - 34) * place;
    pen.fillText(ofLoss, 2, y + 4);
    pen.fillText(ofRight, width - 36, y + 4);
    pen.fillRect(34, y, width - 74, 0.5);
  }
  pen.fillText(`${count(seen)} images seen`, 34, height - 6);
  line(thinned(losses), (each) => 1 - each / top, lossColour);
  line(rights, (each) => 1 - each, rightColour);
  const measured = right ? `${percent(right.share)} after ${count(right.seen)}` : "–";
  chart.setAttribute("aria-label", `loss ${loss?.toFixed(3) ?? "–"} (orange) after ${count(seen)} images, right of 2,000 others ${measured} (blue)`);
}

/** At most about 600 points of a line. */
function thinned(points) {
  const every = Math.ceil(points.length / 600);
  return points.filter((_, at) => at % every === 0 || at === points.length - 1);
}
