//! A browser without scripts, as far as forms need one.

use reqwest::{Client, Response, header};

use crate::house::{NAME, PHONE, http_client};

pub(crate) struct Browser {
    pub(crate) base: String,
    pub(crate) client: Client,
}

impl Browser {
    pub(crate) fn new(base: String) -> Self {
        Self { base, client: http_client() }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.client
            .post(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.join("&"))
            .send()
            .await
            .unwrap()
    }
}

impl Browser {
    /// As a form with `enctype="multipart/form-data"` is sent (RFC 7578): texts, then files with their names.
    pub(crate) async fn post_parts(&self, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Response {
        let mut body = Vec::new();
        for (name, value) in fields {
            let head = format!("--limit\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(value.as_bytes());
            body.extend_from_slice(b"\r\n");
        }
        for (file_name, content) in files {
            let head = format!(
                "--limit\r\ncontent-disposition: form-data; name=\"pictures\"; filename=\"{file_name}\"\r\n\
                 content-type: application/octet-stream\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--limit--\r\n");
        self.client
            .post(format!("{}/submit", self.base))
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=limit")
            .body(body)
            .send()
            .await
            .unwrap()
    }
}

/// The value of the first field of this name in a page.
pub(crate) fn value_of(page: &str, name: &str) -> String {
    let from = page.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no {name}: {page}"));
    let rest = &page[from + name.len() + 15..];
    rest[..rest.find('"').unwrap()].to_owned()
}

pub(crate) fn submission<'a>(key: &'a str, title: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("idempotency_key", key),
        ("kind", "message"),
        ("region_code", "150802001"),
        ("representative_code", ""),
        ("station_code", ""),
        ("category", "城乡建设/供热"),
        ("title", title),
        ("body", "三号楼没有暖气。\r\n请尽快解决。"),
        ("name", NAME),
        ("phone", PHONE),
        ("address", ""),
        ("publication", "public"),
    ]
}
