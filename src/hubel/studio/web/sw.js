// The site off line: what it is made of is kept at the first visit, and given from there.

// KEPT and FILES are written here by hubel site

addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(FILES)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name.startsWith("hubel-studio-") && name !== KEPT);
  event.waitUntil(caches.keys().then((names) => Promise.all(old(names).map((name) => caches.delete(name)))).then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const asked = new URL(event.request.url);
  if (event.request.method !== "GET" || !asked.href.startsWith(registration.scope)) return;
  const page = event.request.mode === "navigate" && /\/(index\.html)?$/.test(asked.pathname);
  const key = page ? registration.scope : event.request;
  event.respondWith(caches.open(KEPT).then(async (cache) => (await cache.match(key, { ignoreSearch: true })) ?? fetch(event.request)));
});
