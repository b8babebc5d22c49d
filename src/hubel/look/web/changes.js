// Goes through a run's moments: with the slider, or by itself.
for (const changes of document.querySelectorAll(".changes")) {
  const data = JSON.parse(changes.querySelector("script").textContent);
  const slider = changes.querySelector("input");
  const button = changes.querySelector("button");
  const said = changes.querySelector("output");
  const mark = changes.querySelector(".drawn i");
  const frames = [...changes.querySelectorAll("figure")];
  let timer = 0;

  const show = () => {
    const moment = Number(slider.value);
    for (const frame of frames) {
      const sprite = frame.querySelector(".sprite");
      sprite.style.setProperty("--x", moment % frame.dataset.columns);
      sprite.style.setProperty("--y", Math.floor(moment / frame.dataset.columns));
    }
    mark.style.left = `${100 * data.places[moment]}%`;
    let words = `${data.when[moment]}, step ${data.steps[moment].toLocaleString("en")}`;
    if (data.answers) {
      const shares = data.answers[moment];
      const best = shares.indexOf(Math.max(...shares));
      words += `: ${data.classes[best]} ${(100 * shares[best]).toFixed(1)}%`;
    }
    said.textContent = words;
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    button.textContent = "play";
  };
  slider.addEventListener("input", () => {
    stop();
    show();
  });
  button.addEventListener("click", () => {
    if (timer) return stop();
    button.textContent = "stop";
    if (slider.value === slider.max) slider.value = "0";
    show();
    timer = setInterval(() => {
      if (slider.value === slider.max) return stop();
      slider.value = String(Number(slider.value) + 1);
      show();
    }, Math.max(80, Math.min(700, 8000 / (Number(slider.max) || 1))));
  });
  show();
}
