// What a page of another origin can have a browser send to a node. Each attack says which request the node gets, and
// resolves to what the page has of it: an empty text where that is nothing.

/** A job, in JSON. */
const JOB = (name) => JSON.stringify({ name, schedule: "@every 1h", webhook: { url: "http://127.0.0.1:9/called" } });

/** A job as a field of a form in text/plain, which is sent as "name=value". */
const FIELD = (name) => JOB(name).replace("/called", "/called=").split("=");

const once = (target, ...events) =>
  new Promise((resolve) => events.forEach((event) => target.addEventListener(event, () => resolve(event), { once: true })));

const put = (element) => document.body.appendChild(element);

const element = (name, attributes) => Object.assign(document.createElement(name), attributes);

/** What a page has of an answer: nothing where the browser does not give it one, not even one that it cannot look into. */
async function answer(url, init = {}) {
  try {
    const response = await fetch(url, init);
    const head = `${response.type} ${response.status}`;
    // A stream has no end.
    if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
      await response.body.cancel();
      return head;
    }
    return `${head} ${(await response.text()).slice(0, 500)}`;
  } catch {
    return "";
  }
}

/** Of what is shown in an element: whether it was loaded. */
async function loaded(name, attributes) {
  const shown = element(name, attributes);
  const happened = once(shown, "load", "loadeddata", "error");
  put(shown);
  const event = await happened;
  shown.remove();
  return event === "error" ? "" : `${event} ${shown.naturalWidth ?? ""}`;
}

/** Of a frame or a window: what is in it, where the browser lets the page look into it. */
function look(view) {
  try {
    return `${view.document.title} ${view.document.body.innerText}`.trim();
  } catch {
    return "";
  }
}

async function framed(name, attributes) {
  const frame = element(name, attributes);
  const happened = once(frame, "load", "error");
  put(frame);
  await happened;
  const seen = look(frame.contentWindow);
  frame.remove();
  return seen;
}

/** Waits until a window has gone to another origin. One that becomes a download never does. */
async function gone(view) {
  for (let asked = 0; asked < 30; asked += 1) {
    try {
      void view.document;
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function opened(url) {
  const view = window.open(url);
  await gone(view);
  const seen = look(view);
  view.close();
  return seen;
}

/** Sends a form into a frame of the page. */
async function form(url, enctype, fields = {}, method = "POST") {
  const frame = put(element("iframe", { name: `frame-${Math.random()}` }));
  const sent = put(element("form", { action: url, method, enctype, target: frame.name }));
  for (const [name, value] of Object.entries(fields)) {
    sent.appendChild(element("input", { name, value }));
  }
  // A download is shown in no frame.
  const happened = Promise.race([once(frame, "load"), new Promise((resolve) => setTimeout(resolve, 3000))]);
  sent.submit();
  await happened;
  const seen = look(frame.contentWindow);
  frame.remove();
  sent.remove();
  return seen;
}

async function formInWindow(url) {
  const view = window.open("", "a-window");
  const sent = put(element("form", { action: url, method: "POST", target: "a-window" }));
  sent.submit();
  await gone(view);
  const seen = look(view);
  view.close();
  return seen;
}

function stream(url, init) {
  return new Promise((resolve) => {
    const source = new EventSource(url, init);
    const end = (seen) => {
      source.close();
      resolve(seen);
    };
    source.onopen = () => end("it is open");
    source.onmessage = (event) => end(event.data);
    source.onerror = () => end("");
  });
}

function socket(url) {
  return new Promise((resolve) => {
    const opened = new WebSocket(url.replace("http:", "ws:"));
    opened.onopen = () => resolve("it is open");
    opened.onerror = () => resolve("");
  });
}

function xhr(method, url, body, headers = {}) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.onload = () => resolve(`${request.status} ${request.responseText.slice(0, 500)}`);
    request.onerror = () => resolve("");
    request.send(body);
  });
}

async function imported(url) {
  try {
    return `imported ${Object.keys(await import(url))}`;
  } catch {
    return "";
  }
}

/** A script in a worker is taken from any origin. */
function inWorker(url) {
  const text = `try { importScripts(${JSON.stringify(url)}); postMessage("it ran"); } catch (e) { postMessage(e.name === "NetworkError" ? "" : String(e)); }`;
  const worker = new Worker(URL.createObjectURL(new Blob([text])));
  return new Promise((resolve) => {
    worker.onmessage = (event) => resolve(event.data);
  });
}

/** A page without an origin of its own. */
function sandboxed(url, init) {
  const text = `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)}).then(async (r) => r.type + r.status + await r.text())
    .then((seen) => parent.postMessage(seen, "*"), () => parent.postMessage("", "*"))`;
  const frame = element("iframe", { sandbox: "allow-scripts", srcdoc: `<script>${text}<\/script>` });
  const told = new Promise((resolve) => {
    const listen = (event) => {
      if (event.source !== frame.contentWindow) return;
      removeEventListener("message", listen);
      resolve(event.data);
    };
    addEventListener("message", listen);
  });
  put(frame);
  return told.finally(() => frame.remove());
}

async function font(url) {
  try {
    await new FontFace("theirs", `url(${url})`).load();
    return "it was loaded";
  } catch {
    return "";
  }
}

/** The browser itself tells the node, of what the policy of the page does not allow (`policy` in world.py). */
async function reported() {
  const happened = once(document, "securitypolicyviolation");
  put(element("img", { src: "data:image/png;base64," }));
  await happened;
  return "";
}

function pinged(url) {
  put(element("a", { href: "#", ping: url })).click();
  return "";
}

function beacon(url, body) {
  navigator.sendBeacon(url, body);
  return "";
}

const TEXT = { "content-type": "text/plain" };
const JSON_TYPE = { "content-type": "application/json" };
const post = (body, more = {}) => ({ method: "POST", mode: "no-cors", body, ...more });
const cors = (method, body, more = {}) => ({ method, headers: JSON_TYPE, body, ...more });
const away = (url) => `/away?to=${encodeURIComponent(url)}`;

/** Those that read from the node at this URL. A request of "OPTIONS" asks whether the one behind it may be sent. */
export function reads(node) {
  const at = (path) => `${node}${path}`;
  const jobs = at("/api/v1/jobs");
  const backup = at("/api/v1/cluster/backup");
  const events = at("/api/v1/events");
  return [
    ["fetch", "GET /api/v1/jobs", () => answer(jobs)],
    ["fetch with cookies", "GET /api/v1/jobs", () => answer(jobs, { credentials: "include" })],
    ["fetch of an opaque answer", "GET /api/v1/jobs", () => answer(jobs, { mode: "no-cors" })],
    ["fetch of a backup", "GET /api/v1/cluster/backup", () => answer(backup)],
    ["fetch of an opaque backup", "GET /api/v1/cluster/backup", () => answer(backup, { mode: "no-cors" })],
    ["fetch of the metrics", "GET other", () => answer(at("/metrics"))],
    ["fetch of the keys", "GET /api/v1/keys", () => answer(at("/api/v1/keys"))],
    ["fetch of the description", "GET /api/v1/openapi.json", () => answer(at("/api/v1/openapi.json"))],
    ["fetch of a stream", "GET /api/v1/events", () => answer(events, { headers: { accept: "text/event-stream" } })],
    ["fetch with a header of ours", "OPTIONS /api/v1/jobs", () => answer(jobs, { headers: { "chronos-note": "x" } })],
    ["XMLHttpRequest", "GET /api/v1/jobs", () => xhr("GET", jobs)],
    ["event stream", "GET /api/v1/events", () => stream(events)],
    ["event stream with cookies", "GET /api/v1/events", () => stream(events, { withCredentials: true })],
    ["web socket", "GET /api/v1/events", () => socket(events)],
    ["script", "GET /api/v1/jobs", () => loaded("script", { src: jobs })],
    ["script of the documentation", "GET /api/docs/{*file}", () => loaded("script", { src: at("/api/docs/swagger-ui-bundle.js") })],
    ["module", "GET /api/docs/{*file}", () => imported(at("/api/docs/swagger-initializer.js"))],
    ["script in a worker", "GET /api/docs/{*file}", () => inWorker(at("/api/docs/swagger-initializer.js"))],
    ["image", "GET /api/docs/{*file}", () => loaded("img", { src: at("/api/docs/favicon-32x32.png") })],
    ["video", "GET /api/v1/cluster/backup", () => loaded("video", { src: backup })],
    ["style sheet", "GET /api/docs/{*file}", () => loaded("link", { rel: "stylesheet", href: at("/api/docs/swagger-ui.css") })],
    ["font", "GET /api/v1/jobs", () => font(jobs)],
    ["frame", "GET /api/v1/jobs", () => framed("iframe", { src: jobs })],
    ["frame of a page for people", "GET /api/docs/", () => framed("iframe", { src: at("/api/docs/") })],
    ["object", "GET /api/v1/jobs", () => framed("object", { data: jobs })],
    ["window", "GET /api/v1/jobs", () => opened(jobs)],
    ["window of a download", "GET /api/v1/cluster/backup", () => opened(backup)],
    ["form that reads", "GET /api/v1/cluster/backup", () => form(backup, "", {}, "GET")],
    ["fetch out of a sandbox", "GET /api/v1/jobs", () => sandboxed(jobs, {})],
  ];
}

/** Those that change something. */
export function writes(node) {
  const at = (path) => `${node}${path}`;
  const jobs = at("/api/v1/jobs");
  const job = at("/api/v1/jobs/victim");
  const [field, value] = FIELD("by-form");
  return [
    ["form in text", "POST /api/v1/jobs", () => form(jobs, "text/plain", { [field]: value })],
    ["form in multipart", "POST /api/v1/jobs", () => form(jobs, "multipart/form-data", { [field]: value })],
    ["form in its usual type", "POST /api/v1/jobs", () => form(jobs, "application/x-www-form-urlencoded", { [field]: value })],
    ["form without a field", "POST /api/v1/jobs/{job}/trigger", () => form(`${job}/trigger`, "text/plain")],
    ["form that disables", "POST /api/v1/jobs/{job}/disable", () => form(`${job}/disable`, "")],
    ["form that begins a session", "POST /session", () => form(at("/session"), "text/plain", { '{"token": "': '"}' })],
    ["form in a window", "POST /api/v1/jobs/{job}/trigger", () => formInWindow(`${job}/trigger`)],
    ["form that is led on", "POST /api/v1/jobs/{job}/trigger", () => form(away(`${job}/trigger`), "text/plain")],
    ["fetch in text", "POST /api/v1/jobs", () => answer(jobs, post(JOB("by-text"), { headers: TEXT }))],
    ["fetch without a type", "POST /api/v1/jobs", () => answer(jobs, post(new Blob([JOB("by-blob")])))],
    ["fetch without a body", "POST /api/v1/jobs/{job}/trigger", () => answer(`${job}/trigger`, post())],
    ["fetch with cookies, without a body", "POST /api/v1/jobs/{job}/pause", () => answer(`${job}/pause`, post(undefined, { credentials: "include" }))],
    ["fetch that gives up the lead", "POST /api/v1/cluster/transfer-leadership", () => answer(at("/api/v1/cluster/transfer-leadership"), post())],
    ["fetch that tests a webhook", "POST /api/v1/webhooks/test", () => answer(at("/api/v1/webhooks/test"), post(JOB("by-test"), { headers: TEXT }))],
    ["fetch that is led on", "POST /api/v1/jobs/{job}/trigger", () => answer(away(`${job}/trigger`), post())],
    ["fetch that outlives the page", "POST /api/v1/jobs/{job}/trigger", () => answer(`${job}/trigger`, post(undefined, { keepalive: true }))],
    ["post out of a sandbox", "POST /api/v1/jobs/{job}/trigger", () => sandboxed(`${job}/trigger`, { method: "POST", mode: "no-cors" })],
    ["post of XMLHttpRequest", "POST /api/v1/jobs/{job}/trigger", () => xhr("POST", `${job}/trigger`)],
    ["beacon", "POST /api/v1/jobs", () => beacon(jobs, JOB("by-beacon"))],
    ["beacon without a body", "POST /api/v1/jobs/{job}/trigger", () => beacon(`${job}/trigger`)],
    ["ping of a link", "POST /api/v1/jobs/{job}/trigger", () => pinged(`${job}/trigger`)],
    ["report of a policy", "POST /api/v1/jobs/{job}/disable", () => reported()],
    ["job in JSON", "OPTIONS /api/v1/jobs", () => answer(jobs, cors("POST", JOB("by-json")))],
    ["job in JSON, by XMLHttpRequest", "OPTIONS /api/v1/jobs", () => xhr("POST", jobs, JOB("by-xhr"), JSON_TYPE)],
    ["change of a job", "OPTIONS /api/v1/jobs/{job}", () => answer(job, cors("PATCH", '{"description": "theirs"}'))],
    ["end of a job, with cookies", "OPTIONS /api/v1/jobs/{job}", () => answer(job, { method: "DELETE", credentials: "include" })],
    ["end of a job", "OPTIONS /api/v1/jobs/{job}", () => answer(job, { method: "DELETE" })],
  ];
}

/** What a page of the node's own origin can do, as one is whose name was bound to another address since it was loaded. */
export function ofOwnOrigin() {
  return [
    ["fetch", "GET /api/v1/jobs", () => answer("/api/v1/jobs")],
    ["fetch of a backup", "GET /api/v1/cluster/backup", () => answer("/api/v1/cluster/backup")],
    ["fetch of the metrics", "GET other", () => answer("/metrics")],
    ["event stream", "GET /api/v1/events", () => stream("/api/v1/events")],
    ["image", "GET /api/docs/{*file}", () => loaded("img", { src: "/api/docs/favicon-32x32.png" })],
    ["frame of a page for people", "GET /api/docs/", () => framed("iframe", { src: "/api/docs/" })],
    ["job in JSON", "POST /api/v1/jobs", () => answer("/api/v1/jobs", cors("POST", JOB("by-own-page")))],
    ["change of a job", "PATCH /api/v1/jobs/{job}", () => answer("/api/v1/jobs/victim", cors("PATCH", '{"description": "theirs"}'))],
    ["form without a field", "POST /api/v1/jobs/{job}/trigger", () => form("/api/v1/jobs/victim/trigger", "text/plain")],
    // An answer of the API is no script, whatever is in it.
    ["script", "GET /api/v1/jobs", () => loaded("script", { src: "/api/v1/jobs" })],
  ];
}
