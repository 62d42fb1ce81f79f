//! What tests do with jobs all the time.

use serde_json::{Value, json};

use crate::{Api, Receiver, until};

/// A schedule for jobs that only run when they are told to.
pub const NEVER: &str = "@at 2099-01-01T00:00:00Z";

/// A job that only runs when it is triggered.
#[must_use]
pub fn manual(name: &str, webhook: Value) -> Value {
    json!({"name": name, "schedule": NEVER, "webhook": webhook})
}

/// An example of the documentation as it stands, its URLs changed to the receiver's.
#[must_use]
#[track_caller]
pub fn pasted(text: &str, receiver: &Receiver) -> Value {
    let text = text
        .replace("https://api.example.com", &receiver.origin())
        .replace("https://self-signed.example.com", &receiver.origin());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value:#}"))
}

fn is_finished(execution: &Value) -> bool {
    !matches!(text(execution, "status"), "pending" | "running" | "retrying")
}

impl Api {
    /// Creates a job.
    pub async fn create(&self, job: &Value) -> Value {
        self.post("/jobs", job).await.ok(201)
    }

    /// Creates a job from an example of the documentation: what it lacks to be one is added.
    pub async fn create_from(&self, name: &str, example: &Value) -> Value {
        let mut job = manual(name, Value::Null);
        for (key, value) in example.as_object().unwrap() {
            job[key] = value.clone();
        }
        self.create(&job).await
    }

    /// Runs a job now; answers the new execution.
    pub async fn trigger(&self, job: &str) -> Value {
        self.act(&format!("/jobs/{job}/trigger")).await.ok(202)
    }

    /// An execution as it stands.
    pub async fn execution(&self, job: &str, id: &str) -> Value {
        self.get(&format!("/jobs/{job}/executions/{id}")).await.ok(200)
    }

    /// An execution once it has come to a status.
    pub async fn execution_is(&self, job: &str, id: &str, status: &str) -> Value {
        let what = format!("execution {id} to be {status}");
        until(&what, || async {
            let execution = self.execution(job, id).await;
            let there = execution["status"] == status;
            let over = is_finished(&execution) && !there;
            assert!(!over, "waiting to be {status}: {execution:#}");
            there.then_some(execution)
        })
        .await
    }

    /// An execution once it is over.
    pub async fn finished(&self, job: &str, id: &str) -> Value {
        until(&format!("the end of execution {id}"), || async {
            Some(self.execution(job, id).await).filter(is_finished)
        })
        .await
    }

    /// Creates a job, runs it once, and answers the execution once it is over.
    pub async fn run(&self, job: &Value) -> Value {
        let job = self.create(job).await;
        self.run_again(text(&job, "name")).await
    }

    /// Runs a job once more, and answers the execution once it is over.
    pub async fn run_again(&self, job: &str) -> Value {
        let execution = self.trigger(job).await;
        self.finished(job, text(&execution, "id")).await
    }

    /// Runs a job with this webhook and the shortest of retries, three attempts at most.
    pub async fn call_webhook(&self, name: &str, webhook: Value) -> Value {
        let mut job = manual(name, webhook);
        job["retry_policy"] = json!({"max_attempts": 3, "initial_interval": "1ms"});
        self.run(&job).await
    }

    /// The executions of a job, newest first, once they are so many.
    pub async fn executions(&self, job: &str, count: usize) -> Vec<Value> {
        until(&format!("{count} executions of {job}"), || async {
            let page = self.get(&format!("/jobs/{job}/executions?limit=500&view=full")).await.ok(200);
            let executions = page["executions"].as_array().unwrap().clone();
            (executions.len() >= count).then_some(executions)
        })
        .await
    }
}
