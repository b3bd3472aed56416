//! Finds the files in an answer: URLs, `data:` URIs and base64 become files of
//! the product, everything else stays as it is.
//!
//! A URL of the engine's own origin is fetched as the engine is asked, any other
//! goes through the guard. Nothing is fetched here: the product has streams, and
//! whoever stores them asks for the first byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use runnel_egress::{EgressError, Reply, Url};
use runnel_media::{MediaType, sniff};
use serde_json::{Map, Value};

use super::{Call, Server, refusal};
use crate::engine::{EngineError, OutputContent, OutputFile, OutputStream, Product};

/// The name that files go by when the answer gives none.
const FILES: &str = "image_urls";
/// Where the base64 of a file may begin: shorter texts are words.
const SHORTEST_BASE64: usize = 64;
/// How many lists and objects may lie in each other in an output: it is read again
/// with others around it, by programs that take about 128.
const DEEPEST: usize = 100;
/// The longest name of a file, in characters.
const MAX_NAME: usize = 120;

/// How an answer becomes an output.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// The name of the output where the answer has none: it is a list, a text or
    /// the bytes of a file.
    pub(crate) output: Option<String>,
    /// Places (dotted) whose URLs stay as they are.
    pub(crate) keep: Vec<String>,
}

impl Shape {
    /// Turns the JSON of an answer into a product.
    pub(crate) fn product(&self, server: &Server, answer: Value) -> Result<Product, EngineError> {
        let mut output = self.named(answer);
        if output.values().any(|value| is_deeper(value, DEEPEST)) {
            let message = format!("the engine's output is nested deeper than {DEEPEST} levels");
            return Err(EngineError::output_invalid(message));
        }
        let mut files = Vec::new();
        for (name, value) in &mut output {
            let place = Place::of(name);
            self.collect(server, value, &place, &mut files)?;
        }
        Ok(Product { output, files })
    }

    /// Turns an answer that is the bytes of a file into a product.
    pub(crate) fn of_bytes(&self, reply: Reply, media_type: &str) -> Product {
        let group = media_type.split('/').next().unwrap_or_default();
        let fallback = match group {
            "image" | "video" | "audio" => format!("{group}_urls"),
            _ => "file_urls".to_owned(),
        };
        let key = self.output.as_deref().unwrap_or(&fallback);
        let name = with_extension(key.trim_end_matches("_urls"), media_type);
        Product::of_files(key, vec![(name, OutputContent::Stream(chunks(reply)))])
    }

    fn named(&self, answer: Value) -> Map<String, Value> {
        let name = |fallback: &str| self.output.clone().unwrap_or_else(|| fallback.to_owned());
        match answer {
            Value::Object(fields) => fields,
            Value::Array(items) if items.iter().any(is_file) => {
                Map::from_iter([(name(FILES), Value::Array(items))])
            }
            one if is_file(&one) => Map::from_iter([(name(FILES), Value::Array(vec![one]))]),
            other => Map::from_iter([(name("output"), other)]),
        }
    }

    fn collect(
        &self,
        server: &Server,
        value: &mut Value,
        place: &Place,
        files: &mut Vec<OutputFile>,
    ) -> Result<(), EngineError> {
        match value {
            Value::String(text) => {
                if let Some((name, content)) = self.file(server, text, place)? {
                    files.push(OutputFile {
                        pointer: place.pointer.clone(),
                        name,
                        content,
                    });
                    *value = Value::Null;
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.collect(server, item, &place.below(&index.to_string()), files)?;
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.collect(server, field, &place.below(name), files)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn file(
        &self,
        server: &Server,
        text: &str,
        place: &Place,
    ) -> Result<Option<(String, OutputContent)>, EngineError> {
        let is_kept = || self.keep.iter().any(|kept| place.is_within(kept));
        if let Some(uri) = DataUri::of(text)
            && !is_kept()
        {
            let media_type = uri.media_type;
            let bytes = uri.bytes().map_err(|why| {
                EngineError::output_invalid(format!(
                    "the engine's output {} is a data: URI that cannot be read: {why}",
                    place.dotted
                ))
            })?;
            let name = with_extension(&place.name(), media_type);
            return Ok(Some((name, OutputContent::Bytes(bytes))));
        }
        if is_url(text) && !is_kept() {
            let url = Url::parse(text).map_err(|error| {
                EngineError::output_invalid(format!(
                    "the engine's output {} is a URL that cannot be read: {error}",
                    place.dotted
                ))
            })?;
            let name = last_segment(&url).unwrap_or_else(|| place.name());
            let content = OutputContent::Stream(fetch(server.clone(), url));
            return Ok(Some((name, content)));
        }
        Ok(read_base64(text).map(|(media_type, bytes)| {
            let name = with_extension(&place.name(), media_type.as_mime());
            (name, OutputContent::Bytes(bytes))
        }))
    }
}

/// Where a value stands in the output.
#[derive(Debug)]
struct Place {
    pointer: String,
    dotted: String,
}

impl Place {
    fn of(name: &str) -> Self {
        Self {
            pointer: format!("/{}", escaped(name)),
            dotted: name.to_owned(),
        }
    }

    fn below(&self, name: &str) -> Self {
        Self {
            pointer: format!("{}/{}", self.pointer, escaped(name)),
            dotted: format!("{}.{name}", self.dotted),
        }
    }

    fn is_within(&self, place: &str) -> bool {
        let rest = self.dotted.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// A name for the file there: `image_urls-0`.
    fn name(&self) -> String {
        clean(&self.dotted.replace('.', "-"))
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Letters, digits and a few signs, so that a name is one everywhere.
fn clean(name: &str) -> String {
    let kept = |c: char| {
        if c.is_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let cleaned: String = name.chars().map(kept).take(MAX_NAME).collect();
    let cleaned = cleaned.trim_matches('.');
    if cleaned.is_empty() {
        "output".to_owned()
    } else {
        cleaned.to_owned()
    }
}

fn with_extension(name: &str, media_type: &str) -> String {
    let known = MediaType::from_mime(media_type);
    match known.and_then(|known| known.extensions().first().copied()) {
        Some(extension) => format!("{name}.{extension}"),
        None => name.to_owned(),
    }
}

/// The name of a URL's file, where it has one with an extension.
fn last_segment(url: &Url) -> Option<String> {
    let segment = url.path_segments()?.next_back()?;
    if segment.contains('.') {
        return Some(clean(segment));
    }
    // Servers that serve any file at one path, as ComfyUI does.
    let mut pairs = url.query_pairs();
    let (_, named) = pairs.find(|(key, named)| key == "filename" && named.contains('.'))?;
    Some(clean(&named))
}

fn is_url(text: &str) -> bool {
    (text.starts_with("http://") || text.starts_with("https://"))
        && !text.contains(char::is_whitespace)
}

/// Whether more lists and objects lie in each other than `most`.
fn is_deeper(value: &Value, most: usize) -> bool {
    let mut inner: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => return false,
    };
    most == 0 || inner.any(|value| is_deeper(value, most - 1))
}

fn is_file(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        DataUri::of(text).is_some() || is_url(text) || base64_type(text).is_some()
    })
}

/// A `data:` URI, whether base64 or percent-encoded.
struct DataUri<'a> {
    media_type: &'a str,
    is_base64: bool,
    body: &'a str,
}

impl<'a> DataUri<'a> {
    /// The URI that a text is. One that begins like it and goes on with something else
    /// than a type, such as a line of an event stream, is a text.
    fn of(text: &'a str) -> Option<Self> {
        let (head, body) = text.strip_prefix("data:")?.split_once(',')?;
        let media_type = head.split(';').next().unwrap_or_default();
        let is_name = |part: &str| {
            let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
            !part.is_empty() && part.bytes().all(is_sign)
        };
        // It may be left out (RFC 2397), and is no half then.
        let is_type = match media_type.split_once('/') {
            Some((group, kind)) => is_name(group) && is_name(kind),
            None => media_type.is_empty(),
        };
        is_type.then_some(Self {
            media_type,
            is_base64: head.ends_with(";base64"),
            body,
        })
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        if !self.is_base64 {
            return Ok(percent_decoded(self.body));
        }
        let decoded = STANDARD.decode(self.body.trim());
        decoded.map_err(|error| error.to_string())
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    decoded
}

/// The type of a picture, a film or a sound in base64, by its first bytes: a
/// text that is none does not begin like one.
fn base64_type(text: &str) -> Option<MediaType> {
    let head = text.get(..SHORTEST_BASE64)?;
    let start = STANDARD.decode(head).ok()?;
    let media_type = sniff(&start).media_type?;
    matches!(media_type.asset_type(), "image" | "video" | "audio").then_some(media_type)
}

fn read_base64(text: &str) -> Option<(MediaType, Vec<u8>)> {
    let media_type = base64_type(text)?;
    let bytes = STANDARD.decode(text.trim()).ok()?;
    Some((media_type, bytes))
}

/// The bytes at a URL, asked for when the first is wanted.
pub(crate) fn fetch(server: Server, url: Url) -> OutputStream {
    let opening = async move { open(&server, &url).await.map(chunks) };
    stream::once(opening).try_flatten().boxed()
}

async fn open(server: &Server, url: &Url) -> Result<Reply, EngineError> {
    let invalid = |why: String| {
        EngineError::output_invalid(format!("the engine's output cannot be fetched: {why}"))
    };
    let reply = server.get_output(url.clone()).await.map_err(|error| {
        let told = invalid(error.to_string());
        match error {
            EgressError::InvalidUrl { .. } | EgressError::Refused { .. } => told,
            _ => told.passing(),
        }
    })?;
    if reply.status() != 200 {
        let (status, host) = (reply.status(), reply.host().to_owned());
        let media_type = reply.media_type();
        let body = reply.read_start(4096).await;
        let said = refusal::said(media_type.as_deref(), &body);
        let told = invalid(format!("{host} answers {status}: {said}"));
        return Err(if matches!(status, 408 | 425 | 429 | 500..) {
            told.passing()
        } else {
            told
        });
    }
    if reply.media_type().as_deref() == Some("text/html") {
        let host = reply.host();
        return Err(invalid(format!(
            "{host} answers with a web page where a file is due"
        )));
    }
    Ok(reply)
}

/// The body of an answer, as it comes.
pub(crate) fn chunks(reply: Reply) -> OutputStream {
    stream::try_unfold(reply, |mut reply| async move {
        let chunk: Option<Bytes> = reply.chunk().await.map_err(|error| {
            EngineError::output_invalid(format!("the engine's output broke off: {error}")).passing()
        })?;
        Ok(chunk.map(|chunk| (chunk, reply)))
    })
    .boxed()
}

impl Server {
    async fn get_output(&self, url: Url) -> Result<Reply, EgressError> {
        self.ask(url, Call::get("")).await
    }
}

#[cfg(test)]
mod tests;
