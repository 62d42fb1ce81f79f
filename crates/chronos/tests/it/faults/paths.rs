//! Paths that lead nowhere, or elsewhere than they seem to

use std::os::unix::fs::symlink;
use std::path::Path;

use tokio::process::Command;

use crate::support::*;

/// What lies in a directory.
fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_data_directory_that_was_meant_otherwise_is_refused_and_leaves_nothing_behind() {
    for path in ["", " ", "~", "~/data", "$DATA", "file:data", "data\n", " data"] {
        let setup = CHRONOS.setup();
        let around = setup.data().parent().unwrap().to_owned();
        let refused = setup.clone().key("cluster.data_dir", path).refused().await;
        refused.names(&[
            "CHRONOS_CLUSTER__DATA_DIR",
            "cluster.data_dir",
            &format!("{path:?}"),
            "expected the path",
        ]);
        assert_eq!(names_in(&around), [""; 0], "{path:?}");
    }
    let long = format!("/tmp/{}", "x".repeat(450));
    let refused = CHRONOS.setup().key("cluster.data_dir", &long).refused().await;
    refused.names(&["cluster.data_dir", &long, "455 bytes", "at most 400"]);
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_named_as_such() {
    let setup = CHRONOS.setup();
    let around = setup.data().parent().unwrap().to_owned();
    let link = around.join("link");
    symlink("nowhere", &link).unwrap();
    let shown = link.to_str().unwrap();
    for path in [link.clone(), link.join("inside")] {
        let refused = CHRONOS.setup().data_dir(&path).refused().await;
        refused.names(&["cluster.data_dir", shown, "is a link to nowhere, which is not there"]);
    }
    // A file of the data that should lie on another disk, say.
    let data = setup.data().to_owned();
    std::fs::create_dir(&data).unwrap();
    for name in ["state.db", "log.db"] {
        symlink("/nowhere/at/all", data.join(name)).unwrap();
        let refused = setup.clone().refused().await;
        refused.names(&["cluster.data_dir", name, "is a link to /nowhere/at/all, which is not there"]);
        std::fs::remove_file(data.join(name)).unwrap();
    }
    assert_eq!(names_in(&data), [""; 0]);
    for key in ["dispatcher.http.tls.ca_file", "server.http.tls.cert_file"] {
        let setup =
            CHRONOS.setup().key("server.http.tls.cert_file", shown).key("server.http.tls.key_file", shown);
        let setup = if key.starts_with("dispatcher") { setup.key(key, shown) } else { setup };
        setup.refused().await.names(&[key, shown, "is a link to nowhere", "expected a file"]);
    }
    let mut restore = Command::new(CHRONOS.path());
    restore.args(["cluster", "restore"]).arg(&link).env_clear().current_dir(&around).kill_on_drop(true);
    let refused = soon("chronos to refuse", restore.output()).await.unwrap();
    let stderr = String::from_utf8(refused.stderr).unwrap();
    let refused = Refused { code: refused.status.code(), stderr };
    refused.names(&[shown, "is a link to nowhere", "expected a backup"]);
    let config = CHRONOS.setup().yaml("");
    let file = config.data().parent().unwrap().join("chronos.yaml");
    std::fs::remove_file(&file).unwrap();
    symlink("nowhere.yaml", &file).unwrap();
    config.refused().await.names(&["chronos.yaml", "is a link to nowhere.yaml", "expected a YAML file"]);
}

#[tokio::test]
async fn what_lies_in_the_way_of_a_data_directory_is_named() {
    let setup = CHRONOS.setup();
    let file = setup.file("file", "not a directory");
    for path in [file.clone(), file.join("inside")] {
        let refused = CHRONOS.setup().data_dir(&path).refused().await;
        refused.names(&[
            "cluster.data_dir",
            file.to_str().unwrap(),
            "is not a directory",
            "expected a directory",
        ]);
    }
    for name in ["state.db", "log.db", "lock"] {
        let setup = CHRONOS.setup();
        std::fs::create_dir_all(setup.data().join(name)).unwrap();
        setup
            .refused()
            .await
            .names(&["cluster.data_dir", &format!("{name} is a directory; expected a file")]);
    }
}

#[tokio::test]
async fn a_tls_file_that_is_another_is_said_to_be() {
    let (certificate, key) = tls::Identity::self_signed().pem();
    let (_, other_key) = tls::Identity::self_signed().pem();
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned();
    let unknown = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned();
    let short = certificate.lines().next().unwrap().to_owned();
    for (cert_file, key_file, at, said) in [
        (&key, &key, "cert_file", "holds no certificate; expected a file of PEM certificates"),
        (&short, &key, "cert_file", "was cut short"),
        (
            &unknown.replace("PRIVATE KEY", "CERTIFICATE"),
            &key,
            "cert_file",
            "no X.509 certificate of version 3",
        ),
        (&certificate, &certificate, "key_file", "holds no private key; expected a private key in PEM"),
        (
            &certificate,
            &other_key,
            "key_file",
            "is the key of another certificate; expected the private key of",
        ),
        (&certificate, &locked, "key_file", "holds a private key with a passphrase; expected one without"),
        (
            &certificate,
            &unknown,
            "key_file",
            "of a kind that cannot be used; expected RSA of 2048 to 4096 bits",
        ),
    ] {
        let setup = CHRONOS.setup();
        let cert_file = setup.file("server.crt", cert_file);
        let key_file = setup.file("server.key", key_file);
        let setup = setup.key("server.http.tls.cert_file", cert_file.to_str().unwrap());
        let refused = setup.key("server.http.tls.key_file", key_file.to_str().unwrap()).refused().await;
        let file = if at == "cert_file" { &cert_file } else { &key_file };
        refused.names(&[&format!("server.http.tls.{at}: {}", file.display()), said]);
    }
}
