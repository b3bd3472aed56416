//! Forms that would keep their reader busy: each is refused before it can.

use runnel_media::sample;
use runnel_testkit::{Db, Request, Response, TestApp, on_both_databases};

on_both_databases!(
    a_form_that_does_not_come_to_a_part_is_refused_soon,
    a_form_of_many_parts_is_refused,
    a_form_is_read_in_whatever_pieces_it_comes,
);

fn post(app: &TestApp) -> Request {
    Request::new("POST", &app.url("/v1/assets")).key(app.key())
}

fn message(answer: Response) -> String {
    let error = answer.assert_error(400, "BAD_REQUEST");
    error["message"].as_str().unwrap().to_owned()
}

fn file_part(more: &str) -> Vec<u8> {
    let mut part = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n{more}\r\n"
    )
    .into_bytes();
    part.extend(sample::gradient_png(4, 4));
    part.extend(b"\r\n--edge--\r\n");
    part
}

async fn a_form_that_does_not_come_to_a_part_is_refused_soon(db: Db) {
    let app = TestApp::start(db).await;
    let endless = "\r\n\ra".repeat(1 << 18);
    let padding = " ".repeat(1 << 20);
    let before = "--edge\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n";
    let once = post(&app).header("idempotency-key", "once");
    once.clone().form(file_part("")).send().await.assert(201);
    let stored = app.objects();
    for form in [
        // What stands before the first part, the headers of the first and of the
        // second, and what may stand after an edge.
        endless.clone(),
        format!("--edge\r\nX: {endless}"),
        format!("{before}--edge\r\nX: {endless}"),
        format!("--edge{padding}"),
    ] {
        // The second is compared with the form that was sent before.
        for request in [post(&app), once.clone()] {
            let told = message(request.form(form.as_bytes()).send().await);
            let expected = "the form cannot be read: nothing came of 16 KiB";
            assert!(told.starts_with(expected), "{}: {told}", &form[..20]);
        }
    }
    // A boundary that is longer than boundaries are is looked for in every piece.
    let kind = format!("multipart/form-data; boundary={}", "e".repeat(300));
    let long = post(&app).header("content-type", &kind).body("--e");
    long.send()
        .await
        .assert_error(415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(app.objects(), stored);
    app.stop().await;
}

async fn a_form_of_many_parts_is_refused(db: Db) {
    let app = TestApp::start(db).await;
    let parts = |count: usize| {
        let part = "--edge\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n";
        part.repeat(count).into_bytes()
    };
    let most = [parts(99), file_part("")].concat();
    post(&app).form(most).send().await.assert(201);
    let more = [parts(100), file_part("")].concat();
    let told = message(post(&app).form(more).send().await);
    assert!(
        told.starts_with("the form has more than 100 parts"),
        "{told}"
    );
    app.stop().await;
}

async fn a_form_is_read_in_whatever_pieces_it_comes(db: Db) {
    let app = TestApp::start(db).await;
    let long_header = format!("X-Long: {}\r\n", "x".repeat(12_000));
    let form = [b"A few words before.\r\n".to_vec(), file_part(&long_header)].concat();
    post(&app).form(form.as_slice()).send().await.assert(201);
    let drops = file_part("X-Short: x\r\n").into_iter();
    let mut body: Vec<u8> = drops
        .flat_map(|byte| [b'1', b'\r', b'\n', byte, b'\r', b'\n'])
        .collect();
    body.extend(b"0\r\n\r\n");
    let length = body.len();
    let request = post(&app)
        .header("content-type", "multipart/form-data; boundary=edge")
        .chunked(body);
    // As it is: it is in chunks already.
    let answer = request.begin(length).await.finish().await;
    answer.assert(201);
    app.stop().await;
}
