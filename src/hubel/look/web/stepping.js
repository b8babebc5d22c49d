// A window's way over its input: products, running sum and output are computed here, position by position.
import { written } from "hubel/view/numbers";

const data = JSON.parse(document.getElementById("data").textContent);
const [channels, height, width] = data.shape;
const [outRows, outColumns] = data.out;
const [tall, wide] = data.kernel;
const count = outRows * outColumns;
const find = (id) => document.getElementById(id);
let now = data.place, timer = null;

const text = (x) => {
  if (x === null || Number.isNaN(x)) return "";
  const size = Math.abs(x);
  return written(x === 0 ? "0" : size >= 1e5 || size < 1e-3 ? x.toExponential(1) : String(+x.toPrecision(size >= 1000 ? 5 : 3)));
};

function colour(scale, x) {
  const table = data.tables[scale.kind];
  const share = scale.high > scale.low ? (x - scale.low) / (scale.high - scale.low) : scale.kind === "signed" ? 0.5 : 0;
  return table[Math.round(Math.min(1, Math.max(0, share)) * (table.length - 1))];
}

// black or white, whichever has the more contrast: never less than 4.5, by the luminance of WCAG
const linear = (part) => (part <= 10.3 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4);
const letters = ([r, g, b]) => (0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) < 0.179 ? "#fff" : "#000");
const css = (rgb) => `rgb(${rgb.join(",")})`;

function paint(canvas, rows, columns, numbers, scale, known = Infinity) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let place = 0; place < Math.min(known, rows * columns); place += 1) {
    image.data.set([...colour(scale, numbers[place]), 255], 4 * place);
  }
  context.putImageData(image, 0, 0);
}

function box(mark, rows, columns, [top, left, high, long]) {
  const first = Math.max(0, top), start = Math.max(0, left);
  const last = Math.min(rows, top + high), end = Math.min(columns, left + long);
  Object.assign(mark.style, {
    top: `${(100 * first) / rows}%`, left: `${(100 * start) / columns}%`,
    height: `${(100 * Math.max(0, last - first)) / rows}%`, width: `${(100 * Math.max(0, end - start)) / columns}%`,
  });
}

// what the window sees at a position: values and products, channel after channel; null lies outside
function seen(row, column) {
  const [down, across] = [row * data.stride[0] - data.before[0], column * data.stride[1] - data.before[1]];
  const found = { values: [], products: [] };
  for (let c = 0; c < channels; c += 1) {
    for (let i = 0; i < tall; i += 1) {
      for (let j = 0; j < wide; j += 1) {
        const [y, x] = [down + i * data.dilation[0], across + j * data.dilation[1]];
        const inside = y >= 0 && y < height && x >= 0 && x < width;
        const value = inside ? data.inputs[c][y * width + x] : null;
        found.values.push(value);
        found.products.push(data.weights ? (value ?? 0) * data.weights[c][i * wide + j] : value);
      }
    }
  }
  return found;
}

function table(title, numbers, scale, marked) {
  const plain = tall > 7 || wide > 7;
  const rows = [];
  for (let i = 0; i < tall; i += 1) {
    const cells = [];
    for (let j = 0; j < wide; j += 1) {
      const value = numbers[i * wide + j];
      const rgb = value === null ? null : colour(scale, value);
      const look = rgb ? ` data-look="background:${css(rgb)};color:${letters(rgb)}"` : "";
      const kind = value === null ? ' class="outside"' : i * wide + j === marked ? ' class="winner"' : "";
      cells.push(`<td${kind}${look}>${plain ? "" : value === null ? "0" : text(value)}</td>`);
    }
    rows.push(`<tr>${cells.join("")}</tr>`);
  }
  return `<table${plain ? ' class="plain"' : ""}><caption>${title}</caption>${rows.join("")}</table>`;
}

function chart(sums, end) {
  const [long, high] = [520, 90];
  const [low, top] = [Math.min(0, end, ...sums), Math.max(0, end, ...sums)];
  const y = (x) => (6 + ((high - 12) * (top - x)) / (top - low || 1)).toFixed(1);
  const step = (long - 110) / sums.length;
  const path = sums.map((sum, place) => `V${y(sum)}H${((place + 1) * step).toFixed(1)}`).join("");
  return `<svg viewBox="0 0 ${long} ${high}" width="${long}" height="${high}" role="img" aria-label="the sum as it grows">
<path d="M0 ${y(0)}H${long - 104}" stroke="var(--quiet)" fill="none"/>
<path d="M0 ${y(0)}${path}" stroke="var(--blue)" stroke-width="1.8" fill="none"/>
<path d="M${long - 110} ${y(sums[sums.length - 1])}L${long - 88} ${y(end)}" stroke="#d55e00" stroke-width="1.8"/>
<text x="${long - 84}" y="${+y(end) + 4}" fill="var(--words)" font-size="12">= ${text(end)}</text></svg>`;
}

function pooled(found, value) {
  const kept = found.values.filter((x) => x !== null);
  const listed = kept.map(text).join(data.kind === "largest" ? ", " : " + ");
  return data.kind === "largest"
    ? `max(${listed}) = <b>${text(value)}</b>`
    : `(${listed}) / ${kept.length} = <b>${text(value)}</b>`;
}

function summed(found, value) {
  const area = tall * wide;
  const sums = [];
  found.products.reduce((sum, product) => (sums.push(sum + product), sum + product), 0);
  const shown = sums[sums.length - 1];
  const whole = data.sums ? data.sums[now] : shown;
  const parts = [];
  if (found.products.length <= 50) parts.push(`0 → ${sums.map(text).join(" → ")}`);
  else {
    for (let c = 0; c < channels; c += 1) {
      const part = found.products.slice(c * area, (c + 1) * area).reduce((sum, x) => sum + x, 0);
      parts.push(`channel ${data.channels[c]}: ${text(part)}`);
    }
  }
  if (data.sums && data.others) parts.push(`${data.others} other channels: ${text(whole - shown)}`);
  let line = `${parts.join("; ")}<br>sum <b>${text(whole)}</b>`;
  if (data.bias !== null) line += ` + bias ${text(data.bias)} = <b>${text(whole + data.bias)}</b>`;
  if (data.activation) line += `; ${data.activation} → <b>${text(value)}</b>`;
  find("chart").innerHTML = chart(sums, value);
  return line;
}

function show(place) {
  now = Math.min(count - 1, Math.max(0, place));
  const [row, column] = [Math.floor(now / outColumns), now % outColumns];
  const value = data.output[now];
  const found = seen(row, column);
  const window = [row * data.stride[0] - data.before[0], column * data.stride[1] - data.before[1],
    (tall - 1) * data.dilation[0] + 1, (wide - 1) * data.dilation[1] + 1];
  for (const mark of document.querySelectorAll(".input i")) box(mark, height, width, window);
  paint(find("output").querySelector("canvas"), outRows, outColumns, data.output, data.scales.output, now + 1);
  box(find("output").querySelector("i"), outRows, outColumns, [row, column, 1, 1]);
  const area = tall * wide;
  let html = "";
  for (let c = 0; c < Math.min(channels, 4); c += 1) {
    const part = (numbers) => numbers.slice(c * area, (c + 1) * area);
    const values = part(found.values);
    const best = data.kind === "largest" ? values.indexOf(Math.max(...values.filter((x) => x !== null))) : -1;
    if (channels > 1) html += `<h3>channel ${data.channels[c]}</h3>`;
    html += table("sees", values, data.scales.input, best);
    if (data.weights) {
      html += `<span>·</span>${table("kernel", data.weights[c], data.scales.weights)}<span>=</span>`;
      html += table("products", part(found.products), data.scales.products);
    }
  }
  find("products").innerHTML = html;
  for (const cell of find("products").querySelectorAll("[data-look]")) cell.style.cssText = cell.dataset.look;
  find("sum").innerHTML = data.weights ? summed(found, value) : pooled(found, value);
  find("slider").value = now;
  find("where").textContent = `(${row}, ${column}) of ${outRows}×${outColumns}: ${text(value)}`;
}

function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(() => (now >= count - 1 ? play(false) : show(now + 1)), data.delay) : null;
  find("play").textContent = on ? "pause" : "play";
  find("play").setAttribute("aria-pressed", String(on));
}

data.inputs.forEach((numbers, c) => {
  const canvas = document.querySelectorAll(".input canvas")[c];
  if (canvas) paint(canvas, height, width, numbers, data.scales.input);
});
find("slider").max = count - 1;
find("first").onclick = () => { play(false); show(0); };
find("back").onclick = () => { play(false); show(now - 1); };
find("next").onclick = () => { play(false); show(now + 1); };
find("last").onclick = () => { play(false); show(count - 1); };
find("play").onclick = () => { if (!timer && now >= count - 1) show(0); play(!timer); };
find("slider").oninput = (event) => { play(false); show(+event.target.value); };
find("output").querySelector("canvas").onclick = (event) => {
  const { offsetX, offsetY, target } = event;
  play(false);
  show(Math.floor((offsetY / target.clientHeight) * outRows) * outColumns + Math.floor((offsetX / target.clientWidth) * outColumns));
};
document.onkeydown = (event) => {
  if (event.target.matches("input,button") || event.ctrlKey || event.metaKey || event.altKey) return;
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: outColumns, ArrowUp: -outColumns };
  if (event.key in moves) { event.preventDefault(); play(false); show(now + moves[event.key]); }
};
const still = matchMedia("(prefers-reduced-motion: reduce)").matches || data.chosen;
show(still ? now : 0);
play(!still);
