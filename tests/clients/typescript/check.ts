// Uses the generated types with `openapi-fetch`, as a program of a user would, against the node at the URL given,
// with the key in `CHRONOS_TOKEN`.

import assert from "node:assert/strict";

import createClient from "openapi-fetch";

import type { components, paths } from "./api.js";

type Problem = components["schemas"]["Problem"];
type Job = components["schemas"]["Job"];
type Auth = NonNullable<components["schemas"]["Webhook"]["auth"]>;

const url = process.argv[2];
assert(url, "usage: check.js URL");
const client = createClient<paths>({
  baseUrl: url,
  headers: { Authorization: `Bearer ${process.env["CHRONOS_TOKEN"]}` },
  // Tags are parameters of their own, such as `tag.team=billing`.
  querySerializer: { object: { style: "form", explode: true } },
});

const auth: Auth = { type: "bearer", token: "a token" };
const body: components["schemas"]["JobInput"] = {
  name: "typescript",
  schedule: "@at 2099-01-01T00:00:00Z",
  webhook: { url: `${url}/health`, auth },
  tags: { client: "typescript" },
};

const created = await client.POST("/api/v1/jobs", {
  params: { header: { "Idempotency-Key": "typescript-1" } },
  body,
});
assert(created.data, JSON.stringify(created.error));
const job: Job = created.data;
assert.equal(job.name, "typescript");
assert.deepEqual(job.webhook.auth, { type: "bearer", token: "[redacted]" });

const listed = await client.GET("/api/v1/jobs", {
  params: { query: { limit: 10, enabled: true, tags: { "tag.client": "typescript" } } },
});
assert.deepEqual(listed.data?.jobs.map((found) => found.id), [job.id]);
const none = await client.GET("/api/v1/jobs", {
  params: { query: { tags: { "tag.client": "another" } } },
});
assert.deepEqual(none.data?.jobs, []);

const runs = await client.GET("/api/v1/runs/upcoming", { params: { query: { job: "typescript" } } });
assert.deepEqual(runs.data?.runs.map((run) => run.scheduled_time), ["2099-01-01T00:00:00.000Z"]);
const density = await client.GET("/api/v1/schedules/density", { params: { query: { step: "12h" } } });
assert.equal(density.data?.step, "12h");

const triggered = await client.POST("/api/v1/jobs/{job}/trigger", { params: { path: { job: "typescript" } } });
assert(triggered.data, JSON.stringify(triggered.error));
const place = { id: triggered.data.id };
let execution: components["schemas"]["Execution"] = triggered.data;
for (let asked = 0; execution.status !== "success"; asked += 1) {
  assert(asked < 100, JSON.stringify(execution));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { data, error } = await client.GET("/api/v1/executions/{id}", { params: { path: place } });
  assert(data, JSON.stringify(error));
  execution = data;
}
assert.equal(execution.response?.status_code, 200);
assert.equal(execution.attempt_log?.length, 1);

const ran = await client.GET("/api/v1/executions", {
  params: { query: { job: "typescript", status: "success", order: "asc", count: true } },
});
assert.deepEqual(ran.data?.executions.map((found) => found.id), [execution.id]);
assert.deepEqual(ran.data?.total, { count: 1, exact: true });

const again = await client.POST("/api/v1/jobs", { body });
const taken: Problem | undefined = again.error;
assert.equal(taken?.code, "name_taken");
assert.equal(again.response.status, 409);
const bad = await client.POST("/api/v1/jobs", { body: { ...body, name: "other", timezone: "Nowhere" } });
assert.deepEqual(bad.error?.errors?.map((error) => error.field), ["timezone"]);

const deleted = await client.DELETE("/api/v1/jobs/{job}", { params: { path: { job: job.id } } });
assert.equal(deleted.response.status, 204);
console.log("typescript: a job was created, listed, triggered and deleted, and problems have their type");
