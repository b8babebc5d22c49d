// Panes of which one is seen: tabs, by mouse and by arrow keys.

import { h } from "hubel/view/dom";

/** Tabs over panes: [{name, title, element, shown()}]; shown is called when a pane comes into sight. */
export class Tabs {
  constructor(label, panes, chosen) {
    this.panes = panes;
    this.bar = h("div", { class: "tabs", role: "tablist", "aria-label": label });
    panes.forEach((pane) => {
      pane.tab = h("button", { type: "button", role: "tab", id: `tab-${pane.name}`, "aria-controls": `pane-${pane.name}`, onclick: () => chosen(pane.name) }, pane.title);
      pane.place = h("div", { role: "tabpanel", id: `pane-${pane.name}`, "aria-labelledby": `tab-${pane.name}` }, pane.element);
      this.bar.append(pane.tab);
    });
    this.bar.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const at = panes.findIndex((pane) => pane.tab === event.target);
      if (!way || at < 0) return;
      event.preventDefault();
      const next = panes[(at + way + panes.length) % panes.length];
      chosen(next.name);
      next.tab.focus();
    });
    this.element = h("div", { class: "tabbed" }, this.bar, panes.map((pane) => pane.place));
  }

  choose(name) {
    this.current = this.panes.find((pane) => pane.name === name) ?? this.panes[0];
    for (const pane of this.panes) {
      const seen = pane === this.current;
      pane.tab.setAttribute("aria-selected", seen);
      pane.tab.tabIndex = seen ? 0 : -1;
      pane.place.hidden = !seen;
    }
    this.current.shown?.();
  }
}
