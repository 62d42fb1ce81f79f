//! Two nodes, and what they live through

use std::path::PathBuf;
use std::sync::Arc;

use hyper::Method;
use rustix::process::Signal;
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use super::credentials::{Credential, Credentials};
use super::files::{Watch, leaks_of_files, leaks_of_rows};
use super::outputs::{Asker, Outputs};
use super::plant::{self, Plant};
use super::reads;
use super::targets::Targets;
use crate::api::proxy::Forward;
use crate::support::tls::Authority;
use crate::support::*;

/// What a run of the test has.
pub struct World {
    pub credentials: Arc<Credentials>,
    outputs: Outputs,
    pub targets: Targets,
    pub proxy: Forward,
    pub cluster: Cluster,
    /// The client with the key of the configuration, of the first node.
    pub admin: Asker,
}

impl World {
    /// Two nodes, the first of which is up. The second is not there yet.
    pub async fn start(kept: &str, keys: &[&str]) -> Self {
        let (credentials, outputs) = (Arc::new(Credentials::default()), Outputs::default());
        plant::add_keys(&credentials);
        let mutual = mutual(&credentials).await;
        let bytes = kept.strip_suffix("KiB").unwrap().parse::<usize>().unwrap() << 10;
        let targets = Targets::start(&credentials, mutual, bytes).await;
        let proxy = Forward::start().await;
        let token = credentials.text("a token of the configuration");
        let hash: String =
            Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let cluster = CHRONOS
            .calm_cluster(2)
            // The first one founds the cluster alone.
            .key_of(1, "cluster.raft.join", "[]")
            .token(&token)
            .key("auth.api_keys", &format!("[{{name: shown, role: admin, key_sha256: \"{hash}\"}}]"))
            .key("audit.log", "true")
            .key("logging.level", "trace")
            .key("dispatcher.http.max_response_body", kept)
            .key("dispatcher.http.proxy.url", &format!("http://ada@127.0.0.1:{}", proxy.port))
            .key("dispatcher.http.proxy.password", &credentials.text("the password of a proxy"))
            .key("dispatcher.http.no_proxy", "[127.0.0.1, \"*.invalid\"]");
        let mut cluster = with_keys(cluster, &credentials, keys);
        cluster.revive(1).await;
        let admin = Asker::new(cluster.node(1), &token, &outputs);
        let world = Self { credentials, outputs, targets, proxy, cluster, admin };
        world.raised().await;
        world
    }

    /// The client of a node.
    fn admin_of(&self, n: usize) -> Asker {
        self.admin.at(self.cluster.node(n))
    }

    fn plant(&self) -> Plant<'_> {
        Plant { credentials: &self.credentials, targets: &self.targets }
    }

    async fn raised(&self) {
        until("the version to rise", || async {
            let status = self.admin.get("/cluster/status").await;
            (status.status == 200 && status.json()["cluster_version"].as_u64()? >= 2).then_some(())
        })
        .await;
    }

    /// Waits until all is sealed by the key in use.
    pub async fn sealed(&self) {
        until("all to be sealed", || async {
            let reply = self.admin.get("/cluster/encryption").await;
            let now = if reply.status == 200 { reply.json() } else { return None };
            (now["key"] == now["first_key"] && !now["sealing"]["ended_at"].is_null()).then_some(())
        })
        .await;
    }

    /// What a key is good for: tokens that are shown once, and what stands for them.
    async fn plant_tokens(&self) {
        let made = self.admin.once("/api/v1/keys", &json!({"name": "ci", "role": "editor"})).await.ok(201);
        let token = made["token"].as_str().unwrap();
        self.credentials.add(Credential::token("a token of the API", token));
        let editor = self.admin.with(token);
        editor.get("/jobs").await.ok(200);
        let begun = self.admin.once("/session", &json!({"token": token})).await;
        let cookie = begun.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let session = cookie.split_once('=').unwrap().1;
        self.credentials.add(Credential::token("the cookie of a session", session));
        let by_cookie = self.admin.with("");
        by_cookie.send(Method::GET, "/api/v1/jobs", &[("cookie", &cookie)], "").await.ok(200);
        let output = self.command(1, &["key", "bootstrap", "--config", "chronos.yaml"]).await;
        let token = String::from_utf8(output.stdout).unwrap();
        self.credentials.add(Credential::token("a token of bootstrap", token.trim()));
        self.outputs.add("the errors of bootstrap", output.stderr);
        self.admin.with(token.trim()).get("/keys").await.ok(200);
        self.local_tokens();
    }

    /// The tokens that nodes have of their own, which are others after each start.
    fn local_tokens(&self) {
        for n in 1..=2 {
            let text = std::fs::read_to_string(self.cluster.setup(n).data().join("local-token"));
            if let Ok(token) = text {
                let number = self.credentials.planted().len();
                self.credentials.add(Credential::token(&format!("local-token {number}"), token.trim()));
            }
        }
    }

    /// A command on the machine of a node.
    async fn command(&self, n: usize, arguments: &[&str]) -> std::process::Output {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("chronos.yaml"), "auth: {}\n").unwrap();
        let mut command = Command::new(CHRONOS.path());
        command.args(arguments).current_dir(directory.path()).env_clear().kill_on_drop(true);
        command.env("CHRONOS_SERVER__HTTP__ADDRESS", self.cluster.node(n).address().to_string());
        command.env("CHRONOS_CLUSTER__DATA_DIR", self.cluster.setup(n).data());
        let output = soon("a command", command.output()).await.unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }

    /// Lives through all of it, as one node and then as two.
    pub async fn live(&mut self) {
        self.admin.listen().await;
        self.plant_tokens().await;
        let editor = self.admin.with(&self.credentials.value("a token of the API"));
        self.plant().secrets(&self.admin).await;
        self.plant().write_jobs(&editor).await;
        self.plant().run(&self.admin, &editor).await;
        self.plant().refuse(&self.admin).await;
        reads::read_all(&self.admin).await;

        // A second node joins, and gets a copy of the state.
        self.cluster.revive(2).await;
        self.cluster.whole().await;
        let metrics = self.admin.send(Method::GET, "/metrics", &[], "").await.body;
        assert!(metrics.contains("chronos_snapshots_sent_total{outcome=\"done\"} 1\n"), "{metrics}");
        let second = self.admin_of(2);
        second.listen().await;
        second.run("bearer-echo").await;
        second.put("/jobs/a-job-of-a-set", &forwarded(self)).await.ok(200);
        reads::read_all(&second).await;
    }

    /// A node ends as by a power cut, with a run under way, and comes back.
    pub async fn crash(&mut self) {
        let gate = Gate::closed();
        self.targets.main.script("/held", [Answer::ok().after(&gate)]);
        let token = self.credentials.text("the token of a run that is cut off");
        let webhook =
            json!({"url": self.targets.main.url("/held"), "auth": {"type": "bearer", "token": token}});
        self.admin.post("/jobs", &manual("held", webhook)).await.ok(201);
        let run = self.admin.act(Method::POST, "/jobs/held/trigger").await.ok(202);
        self.targets.main.wait_for("/held", 1).await;
        self.cluster.running().for_each(|node| node.signal(Signal::KILL));
        for n in 1..=2 {
            let log = self.cluster.kill(n).await;
            self.outputs.add(format!("the log of node {n}"), log);
        }
        gate.open();
        self.start_again().await;
        assert_eq!(self.admin.finished(&run).await["status"], "success");
        assert_eq!(self.targets.main.next("/held").await.sent("Authorization"), format!("Bearer {token}"));
    }

    /// Both nodes, after both have ended: neither leads without the other.
    async fn start_again(&mut self) {
        self.cluster.revive_all().await;
        self.cluster.whole().await;
        self.local_tokens();
        self.admin.listen().await;
    }

    async fn stop(&mut self) {
        for n in [2, 1] {
            let log = self.cluster.stop(n).await;
            self.outputs.add(format!("the log of node {n}"), log);
        }
    }

    /// Changes the keys of both nodes, which restart.
    pub async fn restart_with(&mut self, keys: &[&str]) {
        self.stop().await;
        let cluster = std::mem::replace(&mut self.cluster, CHRONOS.cluster_at(&[], &[]));
        self.cluster = with_keys(cluster, &self.credentials, keys);
        self.start_again().await;
    }

    /// Has the first key seal all anew.
    pub async fn rotate(&self) {
        let said = self.command(1, &["secret", "rotate-key", "--config", "chronos.yaml"]).await;
        self.outputs.add("what a change of the key says", [said.stdout, said.stderr].concat());
    }

    /// A backup, and another cluster that is made of it.
    pub async fn restore(&self, keys: &[&str]) {
        let headers = [("authorization", self.admin.bearer())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let client = self.admin.api.client();
        let backup = client.request(Method::GET, "/api/v1/cluster/backup", &headers, "").await.unwrap();
        assert_eq!(backup.status, 200);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("chronos.backup");
        std::fs::write(&file, &backup.body).unwrap();
        self.outputs.found(leaks_of_files(directory.path(), &self.credentials));
        let fresh = CHRONOS.setup().key("cluster.node_id", "n1").key("logging.level", "trace");
        let restored = Command::new(CHRONOS.path())
            .args(["cluster", "restore"])
            .arg(&file)
            .env_clear()
            .env("CHRONOS_CLUSTER__DATA_DIR", fresh.data())
            .env("CHRONOS_CLUSTER__NODE_ID", "n1")
            .output();
        let restored = soon("chronos cluster restore", restored).await.unwrap();
        assert!(restored.status.success(), "{restored:?}");
        self.outputs.add("what a restore says", [restored.stdout, restored.stderr].concat());
        self.outputs.found(leaks_of_files(fresh.data(), &self.credentials));
        let files = files_of(&fresh, &self.credentials, keys);
        let mut server = fresh.key("security.encryption_keys", &files).start().await;
        let asker = Asker::new(&server, "", &self.outputs);
        assert_eq!(asker.run("named-echo").await["status"], "success");
        assert_eq!(asker.run("bearer-echo").await["status"], "success");
        server.stop().await;
        self.outputs.add("the log of a restored node", server.log());
        self.outputs.found(leaks_of_files(server.setup().data(), &self.credentials));
        self.outputs.found(leaks_of_rows(server.setup().data(), &self.credentials));
    }

    pub fn directories(&self) -> Vec<PathBuf> {
        [1, 2].map(|n| self.cluster.setup(n).data().to_owned()).to_vec()
    }

    /// Looks into the files of both nodes.
    pub fn search_files(&self) {
        for directory in self.directories() {
            self.outputs.found(leaks_of_files(&directory, &self.credentials));
        }
    }

    /// Looks into the files that were there for a moment.
    pub fn search_copies(&self, watch: Watch) {
        self.outputs.found(watch.leaks(&self.credentials));
    }

    /// The end: all that came out is searched.
    pub async fn end(mut self) {
        for value in ["the token of bearer", "the secret header", "a header of a session", "a creation"] {
            reads::nothing_is_found_by(&self.admin, &self.credentials.value(value)).await;
        }
        let planted = self.credentials.value("access_token of a query");
        reads::nothing_is_found_by(&self.admin, &planted).await;
        self.stop().await;
        self.arrived();
        assert!(self.outputs.count() > 1_000, "{}", self.outputs.count());
        self.search_files();
        for directory in self.directories() {
            self.outputs.found(leaks_of_rows(&directory, &self.credentials));
        }
        self.outputs.are_clean(&self.credentials);
    }
}

/// A webhook that is written by the node that does not lead.
fn forwarded(world: &World) -> Value {
    let token = world.credentials.text("what another node was told");
    let webhook = json!({"url": world.targets.main.url("/echo/x"), "headers": {"X-Token": token}});
    manual("a-job-of-a-set", webhook)
}

/// A target that takes only clients with a certificate, which are planted with their keys.
async fn mutual(credentials: &Credentials) -> Receiver {
    let authority = Authority::new();
    let (certificate, key) = loop {
        let (certificate, key) = authority.sign().pem();
        if let Some(key) = Credential::private_key("a client's private key", &key) {
            break (certificate, key);
        }
    };
    credentials.add(key);
    // It is no secret by itself, but the value of one: what it is written as is not read back.
    let parts = vec![certificate.as_bytes()[50..74].to_vec()];
    credentials.add(Credential { name: "a client's certificate".to_owned(), value: certificate, parts });
    Receiver::mutual_tls(&authority.sign(), &authority).await
}

/// The files with encryption keys, as the configuration lists them.
fn files_of(setup: &Setup, credentials: &Credentials, keys: &[&str]) -> String {
    let files = keys.iter().map(|name| setup.file(&name.replace(' ', "-"), &credentials.value(name)));
    format!("[{}]", files.map(|file| format!("{file:?}")).collect::<Vec<_>>().join(", "))
}

fn with_keys(cluster: Cluster, credentials: &Credentials, keys: &[&str]) -> Cluster {
    (1..=2).fold(cluster, |cluster, n| {
        let files = files_of(cluster.setup(n), credentials, keys);
        cluster.key_of(n, "security.encryption_keys", &files)
    })
}
