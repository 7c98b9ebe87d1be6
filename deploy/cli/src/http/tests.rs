//! Answers of a server that says what it likes, byte for byte.

use super::*;
use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// A site that gives each caller the next of these answers.
async fn site(answers: Vec<Vec<u8>>) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/huying/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4_096];
            let read = connection.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /huying/file HTTP/1.1\r\n"));
            connection.write_all(&answer).await.unwrap();
        }
    });
    Site::new(&address, Duration::from_secs(5)).unwrap()
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

const GZIP: &str = "Content-Encoding: gzip\r\n";

async fn lines_of(answer: Vec<u8>) -> (Vec<String>, Result<(), String>) {
    let site = site(vec![answer]).await;
    let mut lines = site.lines("/file", 100).await.unwrap().unwrap();
    let mut read = Vec::new();
    loop {
        match lines.next().await {
            Ok(Some(line)) => read.push(line.to_owned()),
            Ok(None) => return (read, Ok(())),
            Err(error) => return (read, Err(error)),
        }
    }
}

#[tokio::test]
async fn a_file_is_read_up_to_the_size_it_may_have() {
    let answers = [answer("200 OK", "", b"12345"), answer("200 OK", "", b"123456")];
    let site = site(answers.to_vec()).await;
    assert_eq!(site.file("/file", 5).await.unwrap().unwrap(), b"12345");
    assert!(site.file("/file", 5).await.unwrap().unwrap_err().0.contains("more than 5 bytes"));
}

#[tokio::test]
async fn what_is_compressed_may_not_become_more_than_that() {
    let answers = [packed(b"12345"), packed(&[b'x'; 100_000]), b"no gzip".to_vec()];
    let answers = answers.iter().map(|body| answer("200 OK", GZIP, body)).collect();
    let site = site(answers).await;
    assert_eq!(site.file("/file", 1_000).await.unwrap().unwrap(), b"12345");
    assert!(site.file("/file", 1_000).await.unwrap().unwrap_err().0.contains("more than 1000"));
    assert!(site.file("/file", 1_000).await.unwrap().unwrap_err().0.contains("gzip"));
}

#[tokio::test]
async fn a_busy_site_is_asked_again_and_one_that_has_no_file_is_not() {
    let problem = br#"{"error":{"parameter":null,"problem":"the log is not as it was written"}}"#;
    let answers = [
        answer("503 Service Unavailable", "Retry-After: 0\r\n", b""),
        answer("200 OK", "", b"at last"),
        answer("500 Internal Server Error", "", problem),
        answer("404 Not Found", "", b"<html>"),
        answer("302 Found", "Location: http://127.0.0.1:1/\r\n", b""),
    ];
    let site = site(answers.to_vec()).await;
    assert_eq!(site.text("/file", 100).await.unwrap().unwrap(), "at last");
    let error = site.text("/file", 100).await.unwrap().unwrap_err().0;
    assert_eq!(error, "HTTP 500 Internal Server Error: the log is not as it was written");
    assert_eq!(site.text("/file", 100).await.unwrap().unwrap_err().0, "HTTP 404 Not Found");
    assert!(site.text("/file", 100).await.unwrap().unwrap_err().0.contains("302"), "not followed");
}

#[tokio::test]
async fn a_file_that_breaks_off_is_asked_for_again() {
    let mut cut = answer("200 OK", "", b"12345");
    cut.truncate(cut.len() - 2);
    let site = site(vec![cut, answer("200 OK", "", b"12345")]).await;
    assert_eq!(site.text("/file", 100).await.unwrap().unwrap(), "12345");
}

#[tokio::test]
async fn lines_come_one_by_one_packed_or_not() {
    let many: String = (0..50_000).map(|number| format!("line {number}\n")).collect();
    for answer in [answer("200 OK", "", many.as_bytes()), answer("200 OK", GZIP, &packed(many.as_bytes()))] {
        let (lines, end) = lines_of(answer).await;
        assert_eq!(end, Ok(()));
        assert_eq!((lines.len(), lines[49_999].as_str()), (50_000, "line 49999"));
    }
    let (lines, end) = lines_of(answer("200 OK", "", b"")).await;
    assert!(lines.is_empty() && end.is_ok());
}

#[tokio::test]
async fn lines_that_are_not_whole_are_told() {
    let mut cut = answer("200 OK", "", b"one\ntwo\n");
    cut.truncate(cut.len() - 4);
    let (lines, end) = lines_of(cut).await;
    assert_eq!((lines, end.is_err()), (vec!["one".to_owned()], true));
    let (_, end) = lines_of(answer("200 OK", "", b"one\ntwo")).await;
    assert!(end.unwrap_err().contains("no end"));
    let (_, end) = lines_of(answer("200 OK", "", &[b'x'; 200])).await;
    assert!(end.unwrap_err().contains("more than 100 bytes"));
    let (_, end) = lines_of(answer("200 OK", "", b"\xff\n")).await;
    assert!(end.unwrap_err().contains("UTF-8"));
    let mut cut = packed(b"one\ntwo\n");
    cut.truncate(cut.len() - 6);
    let (_, end) = lines_of(answer("200 OK", GZIP, &cut)).await;
    assert!(end.is_err());
}

#[tokio::test]
async fn a_file_that_drips_is_given_up_although_each_drop_comes_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/huying/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        assert!(connection.read(&mut [0; 4_096]).await.unwrap() > 0);
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").await.unwrap();
        // Until nobody listens any more.
        while connection.write_all(b"\n").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    let site = Site::new(&address, Duration::from_secs(5)).unwrap();
    let mut lines = site.lines("/file", 100).await.unwrap().unwrap();
    let broken = loop {
        match lines.next().await {
            Ok(line) => assert_eq!(line, Some("")),
            Err(broken) => break broken,
        }
    };
    assert!(broken.ends_with("within 2 s, which is too slow"), "{broken}");
}

#[test]
fn a_large_file_may_take_longer_than_a_small_one() {
    assert_eq!(time_for(0), HEAD_START);
    assert_eq!(time_for(16 * 1024 * 1024), HEAD_START + Duration::from_secs(4_096));
}

#[tokio::test]
async fn a_site_that_is_not_there_is_said_to_be_so_at_once() {
    let site = Site::new("http://127.0.0.1:1", Duration::from_secs(5)).unwrap();
    let failure = site.text("/file", 100).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Unexpected);
    assert!(
        failure.for_people().contains("http://127.0.0.1:1/file") && failure.for_people().contains("hint")
    );
}

#[test]
fn an_address_is_that_of_a_site() {
    let base = |address: &str| Site::new(address, Duration::from_secs(1)).map(|site| site.base);
    assert_eq!(base("https://ledger.example.cn/").unwrap(), "https://ledger.example.cn");
    assert_eq!(base("https://example.cn/ledger/").unwrap(), "https://example.cn/ledger");
    for wrong in ["ledger.example.cn", "ftp://x", "https://x?a=1", "https://x#a", "", "http://"] {
        assert_eq!(base(wrong).unwrap_err().exit(), Exit::Usage, "{wrong}");
    }
    assert!(Site::new("http://[::1]:80", Duration::from_secs(1)).is_ok_and(|site| !site.takes_gzip));
    assert!(Site::new("http://ledger.example.cn", Duration::from_secs(1)).is_ok_and(|site| site.takes_gzip));
}
