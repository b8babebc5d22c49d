"""The studio: one page in which one thinks about networks. A local server or Python within the page answers it.

`answers` is what is asked and how it is answered, with the standard library alone, so that it runs in a page too;
`page` writes the page, `server` serves it here, `site` writes it into a folder for any web server. `web/` holds the
page's modules: the frame, its rooms, and the two ways of asking.
"""
