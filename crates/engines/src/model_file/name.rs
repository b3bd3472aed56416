//! Names of models: which there may be, and the ids that follow from them.

use runnel_types::ModelId;
use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

/// The longest name, in characters.
const LONGEST: usize = 200;
/// Words that follow a model's name in a URL, and so cannot end one.
const RESERVED: [&str; 2] = ["runs", "batches"];

/// The owner and the slug of a name.
///
/// # Errors
/// What is wrong with it.
pub fn check(name: &str) -> Result<(&str, &str), String> {
    let Some((owner, slug)) = name.split_once('/') else {
        return Err("a model's name has an owner and a slug, such as \"acme/sharpen\"".to_owned());
    };
    if name.chars().count() > LONGEST {
        return Err(format!("a model's name has at most {LONGEST} characters"));
    }
    for segment in name.split('/') {
        if matches!(segment, "" | "." | "..") {
            return Err(format!("a part of a model's name cannot be {segment:?}"));
        }
        let strange = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if let Some(strange) = segment.chars().find(|c| strange(*c)) {
            return Err(format!(
                "a model's name has letters, digits, \"-\", \"_\" and \".\" between its slashes, not {strange:?}"
            ));
        }
    }
    let last = slug.rsplit('/').next().unwrap_or(slug);
    if RESERVED.contains(&last) {
        return Err(format!(
            "a model's name cannot end in {last:?}, which means something else in a URL"
        ));
    }
    Ok((owner, slug))
}

/// The id of the model called `name`: the same on every server and after every
/// change, and anybody's `uuid5(NAMESPACE_URL, "runnel:" + name)`.
pub fn id(name: &str) -> ModelId {
    derived(Uuid::NAMESPACE_URL, &format!("runnel:{name}")).into()
}

/// The id of the input called `name` of a model.
pub fn input_id(model: ModelId, name: &str) -> Uuid {
    derived(model.as_uuid(), name)
}

/// RFC 9562, version 5.
fn derived(namespace: Uuid, name: &str) -> Uuid {
    let digest = Sha1::new()
        .chain_update(namespace.as_bytes())
        .chain_update(name)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_others_derive() {
        // Python: uuid.uuid5(uuid.NAMESPACE_URL, "runnel:acme/sharpen")
        let model = id("acme/sharpen");
        assert_eq!(model.to_string(), "7bcc26a7-55a8-506e-8cfc-5416ae604aef");
        let strength = input_id(model, "strength").to_string();
        assert_eq!(strength, "fa92b0d4-7992-5e38-8c3f-91490c336c43");
    }

    #[test]
    fn names_that_no_url_could_reach_are_refused() {
        for good in [
            "a/b",
            "acme/up-scale_2.0/image",
            "runs/batches/x",
            "a/runs/b",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        assert_eq!(check("a/b/c"), Ok(("a", "b/c")));
        let long = format!("a/{}", "x".repeat(199));
        for bad in [
            "",
            "a",
            "/",
            "a/",
            "/b",
            "a//b",
            "a/b/",
            "./b",
            "a/..",
            "a/../b",
            "a/b c",
            "a/b?c",
            "a/é",
            "a/b\0",
            "a/runs",
            "a/b/batches",
            &long,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
