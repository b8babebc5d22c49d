"""Names that a stranger might write into files, and what must not come of them in a page."""

from __future__ import annotations

from typing import Any

MARKUP = (
    '</script><script>window.broken = "script"</script>',
    '<img src=x onerror="window.broken = 1">',
    "<svg onload=window.broken=1><text>words</text></svg>",
    '" onmouseover="window.broken = 1" autofocus onfocus="window.broken = 1" x="',
    "' onload='window.broken = 1",
    "</title><style>body{display:none}</style><iframe srcdoc='<script>parent.broken=1</script>'></iframe>",
    "<!--<script>",
    "--></textarea><a href=javascript:window.broken=1>click</a>",
    "]]><![CDATA[<base href=//example.org/><meta http-equiv=refresh content=0;url=//example.org/>",
    "&lt;b&gt; &amp;amp; &#60;script&#62;",
    "${window.broken = 1} `${1}` {{broken}}",
    "\\u003cscript>window.broken=1</script>",
)
HIDDEN = "a\x00b\x1b[2Jc\u202ed\u2066e\u2028f\u200bg"  # no lone surrogates: files in UTF-8 cannot hold them
NAMES = (*MARKUP, HIDDEN, "x" * 3000)

_FAULTS = """() => {
    const faults = [];
    const told = (element) => faults.push(element.outerHTML.slice(0, 200));
    if (window.broken !== undefined) faults.push(`it ran: ${window.broken}`);
    for (const element of document.querySelectorAll("*")) {
        for (const { name, value } of element.attributes)
            if (name.startsWith("on") || /^javascript:/i.test(value)) told(element);
    }
    const own = "form:not([method=dialog]), link:not([rel=icon])";
    const outside = `iframe, base, object, embed, ${own}, meta[http-equiv=refresh]`;
    document.querySelectorAll(outside).forEach(told);
    for (const image of document.querySelectorAll("img, image"))
        if (!/^data:/.test(image.getAttribute("src") ?? image.getAttribute("href"))) told(image);
    if (getComputedStyle(document.body).display === "none") faults.push("a style was taken");
    const hidden = document.body.textContent.match(/[\\u0000-\\u0008\\u001b\\u202e\\u2066\\u2028\\u200b]/u);
    if (hidden) faults.push(`hidden ${hidden[0].codePointAt(0)}`);
    return faults;
}"""


def faults(page: Any) -> list[str]:
    """What of these names took effect in an opened page: nothing should."""
    found: list[str] = page.evaluate(_FAULTS)
    return found
