// Requests to the service that the page came from. A token may stand behind # in the address, which is not sent.

const KEY = "hubel-token";

if (location.hash.length > 1) {
  remember(decodeURIComponent(location.hash.slice(1)));
  history.replaceState(null, "", location.pathname);
}

export function remember(token) {
  sessionStorage.setItem(KEY, token);
}

export function forget() {
  sessionStorage.removeItem(KEY);
}

async function answer(path, options = {}) {
  const token = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let found;
  try {
    found = await fetch(path, { ...options, headers });
  } catch {
    throw Error("the service cannot be reached");
  }
  const told = await found.json();
  if (!found.ok) throw Object.assign(Error(told.error), { reason: told.reason });
  return told;
}

export const models = () => answer("/v1/models");

/** What a model says of one picture, a Blob. */
export function ask(model, content, name, top) {
  const form = new FormData();
  form.append("pictures", content, name);
  const settings = model.boxes ? "" : model.draws ? "?pictures=true" : `?top=${top}`;
  return answer(`/v1/models/${model.name}/predict${settings}`, { method: "POST", body: form });
}
