"""Uses the generated client, as a program of a user would, against the node at the URL given, with the key in
`CHRONOS_TOKEN`."""

import os
import sys
import time

from chronos_api.api.executions import get_execution, list_executions, trigger_job
from chronos_api.api.jobs import create_job, delete_job, list_jobs
from chronos_api.api.schedules import get_schedule_density, list_upcoming_runs
from chronos_api.client import AuthenticatedClient
from chronos_api.models import BearerAuth, Execution, ExecutionPage, Job, JobInput, JobInputTags, JobPage, ListJobsTags
from chronos_api.models import Problem, ScheduleDensity, UpcomingRuns, Webhook
from chronos_api.models.bearer_auth_type import BearerAuthType

url = sys.argv[1]
client = AuthenticatedClient(base_url=url, token=os.environ["CHRONOS_TOKEN"])


def job_input(name: str, timezone: str) -> JobInput:
    tags = JobInputTags()
    tags["client"] = "python"
    auth = BearerAuth(token="a token", type_=BearerAuthType.BEARER)
    webhook = Webhook(url=f"{url}/health", auth=auth)
    return JobInput(
        name=name, schedule="@at 2099-01-01T00:00:00Z", timezone=timezone, webhook=webhook, tags=tags
    )


def listed(tag: str) -> list[str]:
    tags = ListJobsTags()
    tags["tag.client"] = tag
    page = list_jobs.sync(client=client, limit=10, enabled=True, tags=tags)
    assert isinstance(page, JobPage), page
    return [found.id for found in page.jobs]


job = create_job.sync(client=client, body=job_input("python", "UTC"), idempotency_key="python-1")
assert isinstance(job, Job), job
assert job.name == "python", job
assert isinstance(job.webhook.auth, BearerAuth) and job.webhook.auth.token == "[redacted]", job

assert listed("python") == [job.id]
assert listed("another") == []

runs = list_upcoming_runs.sync(client=client, job="python")
assert isinstance(runs, UpcomingRuns) and runs.complete, runs
assert [run.scheduled_time for run in runs.runs] == ["2099-01-01T00:00:00.000Z"], runs
density = get_schedule_density.sync(client=client, step="12h")
assert isinstance(density, ScheduleDensity) and sum(density.counts) == 0, density

execution = trigger_job.sync("python", client=client)
assert isinstance(execution, Execution), execution
for _ in range(100):
    execution = get_execution.sync(execution.id, client=client)
    assert isinstance(execution, Execution), execution
    if execution.status == "success":
        break
    time.sleep(0.1)
assert execution.response and execution.response.status_code == 200, execution
assert execution.attempt_log, execution

ran = list_executions.sync(client=client, job="python", status="success", order="asc", count=True)
assert isinstance(ran, ExecutionPage) and ran.total, ran
assert ([found.id for found in ran.executions], ran.total.count) == ([execution.id], 1), ran

answer = create_job.sync_detailed(client=client, body=job_input("python", "UTC"))
assert answer.status_code == 409, answer
assert isinstance(answer.parsed, Problem) and answer.parsed.code == "name_taken", answer
bad = create_job.sync(client=client, body=job_input("other", "Nowhere"))
assert isinstance(bad, Problem) and bad.errors, bad
assert [error.field for error in bad.errors] == ["timezone"], bad

assert delete_job.sync_detailed(job.id, client=client).status_code == 204
print("python: a job was created, listed, triggered and deleted, and problems have their type")
