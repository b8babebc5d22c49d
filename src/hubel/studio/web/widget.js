// The widget of a notebook: a page in a frame of its own, whose questions go to Python and whose answers come back.

export default {
  render({ model, el }) {
    const frame = document.createElement("iframe");
    frame.title = "hubel";
    frame.sandbox = "allow-scripts allow-downloads allow-popups";
    frame.style = "box-sizing: border-box; width: 100%; border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-radius: 6px;";
    const sized = () => (frame.style.height = `${model.get("height")}px`);
    const asked = ({ source, data }) => source === frame.contentWindow && model.send(data);
    const told = (content) => frame.contentWindow?.postMessage(content, "*");
    sized();
    frame.srcdoc = model.get("page");
    addEventListener("message", asked);
    model.on("msg:custom", told);
    model.on("change:height", sized);
    el.append(frame);
    return () => {
      removeEventListener("message", asked);
      model.off("msg:custom", told);
      model.off("change:height", sized);
    };
  },
};
