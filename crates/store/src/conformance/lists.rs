//! Lists: every filter and every order, held against the same done by hand.

use std::cmp::Ordering;

use runnel_types::list::{
    Filter, ListRequest, Listed, Operator, Piece, Place, Sort, Test, Value, parse_filter,
    parse_sort,
};
use runnel_types::{Asset, AssetId, AssetType, OrgId};

use super::Db;
use super::fixtures::{asset, at};

/// Assets that differ in everything that a list may be filtered or ordered by,
/// several of each kind, some fields absent in some.
async fn library(db: &Db, org: OrgId) -> Vec<Asset> {
    let folders: [runnel_types::FolderId; 2] = [db.ids.next(), db.ids.next()];
    let names = [
        "red shoe.png",
        "blue shoe.png",
        "Shoe.png",
        "100%_[x]*?!.png",
        "it's",
    ];
    let assets: Vec<Asset> = (0..40_usize)
        .map(|n| Asset {
            name: names[n % names.len()].to_owned(),
            folder_id: folders.get(n % 3).copied(),
            asset_type: AssetType::ALL[n % 3],
            mime_type: if n % 3 == 0 { "image/png" } else { "video/mp4" }.to_owned(),
            size_bytes: (n * 37 % 11) as u64,
            width: (n % 4 != 0).then_some(n as u32 % 5),
            duration_ms: (n % 2 == 0).then_some(n as i64 % 3),
            codec: (n % 2 == 0).then(|| ["h264", "vp9"][n % 4 / 2].to_owned()),
            frames: (n % 3 == 0).then_some(1 + n as u32 % 2),
            source_id: (n % 2 == 1).then(|| format!("run {}", n % 4)),
            created_at: at(n as i64 / 4),
            updated_at: at(100 - n as i64 / 2),
            ..asset(db, org)
        })
        .collect();
    let mut tx = db.store.begin().await.unwrap();
    for asset in &assets {
        tx.assets().insert(asset).await.unwrap();
    }
    let gone = asset(db, org);
    tx.assets().insert(&gone).await.unwrap();
    tx.assets()
        .soft_delete(org, gone.id, None, at(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let foreign = asset(db, db.org("stranger").await.id);
    let mut tx = db.store.begin().await.unwrap();
    tx.assets().insert(&foreign).await.unwrap();
    tx.commit().await.unwrap();
    assets
}

fn value(asset: &Asset, field: &str) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    let integer = |number: Option<i64>| number.map_or(Value::Null, Value::Integer);
    match field {
        "name" => text(&asset.name),
        "mime_type" => text(&asset.mime_type),
        "asset_type" => text(asset.asset_type.as_str()),
        "folder_id" => asset
            .folder_id
            .map_or(Value::Null, |id| text(&id.to_string())),
        "source_id" => asset.source_id.as_deref().map_or(Value::Null, text),
        "size_bytes" => integer(Some(asset.size_bytes as i64)),
        "width" => integer(asset.width.map(i64::from)),
        "duration_ms" => integer(asset.duration_ms),
        "codec" => asset.codec.as_deref().map_or(Value::Null, text),
        "frames" => integer(asset.frames.map(i64::from)),
        "created_at" => integer(Some(asset.created_at.as_micros())),
        "updated_at" => integer(Some(asset.updated_at.as_micros())),
        other => panic!("no value for {other}"),
    }
}

fn holds(filter: &Filter, asset: &Asset) -> bool {
    match filter {
        Filter::All(parts) => parts.iter().all(|part| holds(part, asset)),
        Filter::Any(parts) => parts.iter().any(|part| holds(part, asset)),
        Filter::Not(inner) => !holds(inner, asset),
        Filter::Test(test) => compare(test, &value(asset, test.field.name)),
    }
}

fn compare(test: &Test, found: &Value) -> bool {
    let order = match (found, &test.value) {
        (Value::Null, wanted) => return *wanted == Value::Null,
        (_, Value::Null) => return false,
        (Value::Text(text), Value::Pattern(pieces)) => return is_like(text, pieces),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (found, wanted) => panic!("{found:?} against {wanted:?}"),
    };
    match test.operator {
        Operator::Equal => order == Ordering::Equal,
        Operator::Greater => order == Ordering::Greater,
        Operator::AtLeast => order != Ordering::Less,
        Operator::Less => order == Ordering::Less,
        Operator::AtMost => order != Ordering::Greater,
    }
}

fn is_like(text: &str, pieces: &[Piece]) -> bool {
    let Some((first, rest)) = pieces.split_first() else {
        return text.is_empty();
    };
    let mut chars = text.chars();
    match first {
        Piece::Exactly(exact) => text
            .strip_prefix(exact.as_str())
            .is_some_and(|after| is_like(after, rest)),
        Piece::One => chars.next().is_some() && is_like(chars.as_str(), rest),
        Piece::Many => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| is_like(&text[at..], rest)),
    }
}

fn in_order(a: &Asset, b: &Asset, sort: &[Sort]) -> Ordering {
    let key = |value: Value| match value {
        Value::Integer(number) => (number, String::new()),
        Value::Text(text) => (0, text),
        _ => (-1, String::new()),
    };
    let mut descending = false;
    for sort in sort {
        descending = sort.descending;
        let order = key(value(a, sort.field.name)).cmp(&key(value(b, sort.field.name)));
        if order != Ordering::Equal {
            return if descending { order.reverse() } else { order };
        }
    }
    let order = a.id.cmp(&b.id);
    if descending { order.reverse() } else { order }
}

/// Every page in one direction, the ids of all of them in the list's order.
pub(super) async fn walk(db: &Db, org: OrgId, request: &ListRequest) -> Vec<AssetId> {
    let mut request = request.clone();
    let mut pages: Vec<Vec<AssetId>> = Vec::new();
    loop {
        let page = db.store.read().assets().list(org, &request).await.unwrap();
        assert!(page.items.len() <= request.limit as usize);
        let (ahead, behind): (Option<Place>, _) = if request.backward {
            (page.previous, page.next)
        } else {
            (page.next, page.previous)
        };
        assert_eq!(behind.is_some(), request.place.is_some());
        pages.push(page.items.iter().map(|asset| asset.id).collect());
        request.place = ahead;
        if request.place.is_none() {
            break;
        }
    }
    if request.backward {
        pages.reverse();
    }
    pages.concat()
}

pub(super) async fn every_filter_finds_what_it_says(db: Db) {
    let org = db.org("a").await.id;
    let assets = library(&db, org).await;
    let folder = assets[0].folder_id.unwrap();
    let in_folder = format!("folder_id:{folder} AND asset_type.IN:('image','audio')");
    for text in [
        "name:'red shoe.png'",
        "name:*shoe*",
        "name:*Shoe*",
        "name.LIKE:'%shoe.___'",
        "name.LIKE:'100%'",
        "name:100%_[x]**",
        "name:*[x]*",
        "name:*!*",
        "name:\"it's\"",
        "NOT name:*shoe*",
        "asset_type:video",
        "asset_type!=video AND size_bytes>=3",
        "size_bytes.IN:'1,2,3'",
        "size_bytes<2 OR size_bytes>9 OR name:Shoe.png",
        "width:null",
        "NOT width:null",
        "NOT width:2",
        "width!=2 AND NOT (duration_ms:1 OR source_id:'run 1')",
        "NOT (NOT source_id:*3)",
        "codec:h* OR frames>1",
        "folder_id:null AND created_at>2026-09-21T14:13:22Z",
        "created_at:2026-09-21",
        "created_at:2020-01-01",
        &in_folder,
    ] {
        let filter = parse_filter(text, Asset::FIELDS).unwrap();
        let request = ListRequest {
            limit: 7,
            sort: parse_sort("created_at:desc", Asset::FIELDS).unwrap(),
            place: None,
            backward: false,
            filter: filter.clone(),
        };
        let mut wanted: Vec<&Asset> = assets
            .iter()
            .filter(|asset| holds(filter.as_ref().unwrap(), asset))
            .collect();
        wanted.sort_by(|a, b| in_order(a, b, &request.sort));
        let wanted: Vec<AssetId> = wanted.iter().map(|asset| asset.id).collect();
        assert_eq!(walk(&db, org, &request).await, wanted, "{text}");
    }
}

pub(super) async fn every_order_walks_both_ways_and_skips_nothing(db: Db) {
    let org = db.org("a").await.id;
    let assets = library(&db, org).await;
    for text in [
        "created_at:desc",
        "created_at:asc",
        "size_bytes",
        "width:desc",
        "duration_ms",
        "codec,frames:desc",
        "asset_type:desc,size_bytes:desc",
        "asset_type,size_bytes:desc,created_at",
        "width,duration_ms:desc,mime_type,created_at:desc",
        "updated_at:desc,size_bytes",
    ] {
        let sort = parse_sort(text, Asset::FIELDS).unwrap();
        let mut wanted: Vec<&Asset> = assets.iter().collect();
        wanted.sort_by(|a, b| in_order(a, b, &sort));
        let wanted: Vec<AssetId> = wanted.iter().map(|asset| asset.id).collect();
        for (limit, backward) in [(1, false), (7, false), (7, true), (40, true), (500, false)] {
            let request = ListRequest {
                limit,
                sort: sort.clone(),
                filter: None,
                place: None,
                backward,
            };
            let found = walk(&db, org, &request).await;
            assert_eq!(found, wanted, "{text}, {limit} rows, backward: {backward}");
        }
    }
}

pub(super) async fn a_place_outlives_its_row(db: Db) {
    let org = db.org("a").await.id;
    let assets = library(&db, org).await;
    let mut request = ListRequest {
        limit: 10,
        sort: parse_sort("created_at", Asset::FIELDS).unwrap(),
        filter: None,
        place: None,
        backward: false,
    };
    let first = db.store.read().assets().list(org, &request).await.unwrap();
    let mut tx = db.store.begin().await.unwrap();
    tx.assets()
        .soft_delete(org, first.items[9].id, None, at(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    request.place = first.next;
    let second = db.store.read().assets().list(org, &request).await.unwrap();
    assert_eq!(second.items[0].id, assets[10].id);
}
