//! The time of a thumbnail inside a process, without its start: a 24-megapixel
//! JPEG, and the header alone of a picture that is refused.

use std::hint::black_box;
use std::io::Cursor;

use criterion::{Criterion, criterion_group, criterion_main};
use runnel_media::{Budget, probe, sample, thumbnail};

fn thumbnails(criterion: &mut Criterion) {
    let budget = Budget::default();
    let mut group = criterion.benchmark_group("thumbnail");
    group.sample_size(20);
    let jpeg = sample::noise_jpeg(6000, 4000);
    group.bench_function("jpeg 6000×4000", |bencher| {
        bencher.iter(|| thumbnail(&mut Cursor::new(black_box(&jpeg)), &budget));
    });
    group.finish();

    let bomb = sample::huge_header_png(50_000, 50_000);
    criterion.bench_function("probe refuses 50,000×50,000", |bencher| {
        bencher.iter(|| probe(&mut Cursor::new(black_box(&bomb)), &budget).is_err());
    });
}

criterion_group!(benches, thumbnails);
criterion_main!(benches);
