//! The files, and that they are read again when they change.

use super::server::Asked;
use super::*;

fn known(asked: &Asked) -> Reply {
    Reply::addresses(asked, 60, &["192.0.2.1"])
}

#[tokio::test]
async fn the_hosts_file_goes_before_the_name_servers_and_is_read_again() {
    let server = NameServer::start(known).await;
    let setup = Setup::at(&server, patient());
    setup.write("hosts", "10.0.0.1 db.test db # the database\n10.0.0.2\tDB.test.\nnonsense web\n10.0.0.3\n");
    assert_eq!(setup.find("db.test").await.expect("from the file"), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(setup.find("Db").await.expect("from the file"), ["10.0.0.1"]);
    assert_eq!(setup.find("db.test.").await.expect("from the file"), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(server.asked(), []);
    assert_eq!(setup.find("web").await.expect("from the server"), ["192.0.2.1"]);
    setup.write("hosts", "10.0.0.9 web localhost\n");
    assert_eq!(setup.find("web").await.expect("from the file"), ["10.0.0.9"]);
    assert_eq!(setup.find("localhost").await.expect("from the file"), ["10.0.0.9"]);
    assert_eq!(setup.find("db.test").await.expect("from the server"), ["192.0.2.1"]);
    std::fs::remove_file(setup.directory.path().join("hosts")).expect("it goes");
    assert_eq!(setup.find("web").await.expect("from the server"), ["192.0.2.1"]);
    assert!(setup.find("localhost").await.expect("always").contains(&"127.0.0.1".to_owned()));
}

#[tokio::test]
async fn other_name_servers_are_asked_once_the_file_names_them() {
    let other = |asked: &Asked| Reply::addresses(asked, 60, &["192.0.2.2"]);
    let (first, second) = NameServer::two(known, other).await;
    let setup = Setup::at(&first, patient());
    assert_eq!(setup.find("a.test").await.expect("from the first"), ["192.0.2.1"]);
    setup.write("resolv.conf", "nameserver 127.0.0.2\n");
    assert_eq!(setup.find("a.test").await.expect("from the second"), ["192.0.2.2"]);
    // What is known holds as long as nothing changes.
    let before = second.asked().len();
    assert_eq!(setup.find("a.test").await.expect("it is kept"), ["192.0.2.2"]);
    assert_eq!(second.asked().len(), before);
}

#[tokio::test]
async fn without_a_file_the_name_server_of_this_machine_is_asked() {
    let server = NameServer::start(known).await;
    for conf in [None, Some(""), Some("# nothing\nsearch a.test\n")] {
        let setup = Setup::new(server.address, conf.unwrap_or_default(), patient());
        if conf.is_none() {
            std::fs::remove_file(setup.directory.path().join("resolv.conf")).expect("it goes");
        }
        assert_eq!(setup.find("a.test").await.expect("an answer"), ["192.0.2.1"], "{conf:?}");
        setup.write("resolv.conf", "nameserver 127.0.0.1\n");
        assert_eq!(setup.find("b.test").await.expect("an answer"), ["192.0.2.1"], "{conf:?}");
    }
}

#[tokio::test]
async fn the_files_are_not_looked_at_for_each_lookup() {
    let server = NameServer::start(known).await;
    let setup = Setup::at(&server, Limits { look: LONG, ..patient() });
    assert_eq!(setup.find("a.test").await.expect("an answer"), ["192.0.2.1"]);
    setup.write("hosts", "10.0.0.1 a.test\n");
    assert_eq!(setup.find("a.test").await.expect("an answer"), ["192.0.2.1"]);
}
