// Has the node at the URL given send signed webhooks, and verifies them with the library that receivers use.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const url = process.argv[2];

// The shortest key and the longest one that the standard allows, and one without its padding.
const key = (bytes, fill) => `whsec_${Buffer.alloc(bytes, fill).toString("base64")}`;
const shortest = key(24, 0xa1);
const longest = key(64, 0xfe);
const other = key(32, 0x07);

/** Asks until there is an answer, for 30 s. */
async function until(what, ask) {
  for (let asked = 0; asked < 300; asked += 1) {
    const found = await ask();
    if (found) return found;
    await pause(100);
  }
  throw new Error(`waited in vain for ${what}`);
}

async function api(method, path, body) {
  const sent = body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(`${url}/api/v1${path}`, { method, ...sent });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

// Every call, with its bytes as they came. The first one of a path that says so is refused.
const calls = [];
const receiver = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const isFirst = !calls.some((call) => call.path === request.url);
  calls.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts) });
  response.writeHead(isFirst && request.url === "/retried" ? 503 : 200).end();
});
await once(receiver.listen(0, "127.0.0.1"), "listening");
const target = `http://127.0.0.1:${receiver.address().port}`;

/** Runs a job whose requests are signed so, and returns the calls of its target. */
async function run(name, signing, webhook) {
  await api("POST", "/jobs", {
    name,
    schedule: "@at 2099-01-01T00:00:00Z",
    retry_policy: { initial_interval: "1ms" },
    webhook: { url: `${target}/${name}`, signing, ...webhook },
  });
  const { id } = await api("POST", `/jobs/${name}/trigger`);
  const execution = await until(`the end of ${name}`, async () => {
    const now = await api("GET", `/executions/${id}`);
    return ["success", "failed"].includes(now.status) && now;
  });
  assert.equal(execution.status, "success", JSON.stringify(execution));
  const own = calls.filter((call) => call.path === `/${name}`);
  for (const call of own) assert.equal(call.headers["webhook-id"], id);
  return own;
}

const verify = ({ body, headers }, secret) => new Webhook(secret).verify(body, headers, { jsonParse: false });
const refuses = (call, secret) => assert.throws(() => verify(call, secret), WebhookVerificationError);

await until("the node", () => fetch(`${url}/ready`).then((answer) => answer.ok, () => false));
await until("cluster version 2", async () => (await api("GET", "/cluster/status")).cluster_version >= 2);

// A body with variables and with characters of several bytes.
const body = JSON.stringify({ execution: "{{.ExecutionID}}", text: "Größe: 5 €, 🦀" });
const [posted] = await run("posted", { secret: shortest }, { body });
assert.equal(new Webhook(shortest).verify(posted.body, posted.headers).execution, posted.headers["webhook-id"]);
refuses(posted, other);
refuses({ ...posted, body: Buffer.from(posted.body.toString().replace("5 €", "6 €")) }, shortest);
refuses({ ...posted, headers: { ...posted.headers, "webhook-id": "another" } }, shortest);

// No body at all, and a body that is a text. A key without its padding is the same key.
const [got] = await run("got", { secret: other.replaceAll("=", "") }, {});
assert.equal(got.body.length, 0);
verify(got, other);
const [text] = await run("text", { secret: longest }, { body: "line\nline \t\u0000", method: "PUT" });
verify(text, longest);

// Each attempt is signed for itself, and all of them are one message.
const retried = await run("retried", { secret: longest }, { body });
assert.equal(retried.length, 2);
for (const call of retried) verify(call, longest);

// While the secret changes, whoever knows either of the two takes it; and nobody takes one that has expired.
const previous = { secret: other, expires_at: "2099-01-01T00:00:00Z" };
const [both] = await run("both", { secret: shortest, previous }, { body });
for (const secret of [shortest, other]) verify(both, secret);
refuses(both, longest);
const [past] = await run("past", { secret: shortest, previous: { ...previous, expires_at: "2020-01-01T00:00:00Z" } }, { body });
verify(past, shortest);
refuses(past, other);

// A secret that is named, and a test call.
await api("PUT", "/secrets/signing", { value: longest, hosts: ["127.0.0.1"] });
const [named] = await run("named", { secret: "{{secret.signing}}" }, { body });
verify(named, longest);
const tested = await api("POST", "/webhooks/test", { webhook: { url: `${target}/tested`, body, signing: { secret: other } } });
assert.equal(tested.success, true, JSON.stringify(tested));
verify(calls.find((call) => call.path === "/tested"), other);

receiver.close();
receiver.closeAllConnections();
console.log(`signatures: ${calls.length} webhooks were verified by standardwebhooks of npm`);
