//! The boxes of an AVIF, without pixels.

/// A box of ISO 14496-12.
fn iso_box(kind: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32 + 8;
    [&length.to_be_bytes(), &kind, payload].concat()
}

/// An AVIF of any sides that ends where its pixels would begin; `angle` is the
/// number of quarter turns.
pub fn avif_header(width: u32, height: u32, angle: Option<u8>) -> Vec<u8> {
    let turn = angle.map(|angle| (*b"irot", vec![angle]));
    avif_of(width, height, turn.as_slice())
}

/// The same with these properties of its picture, in this order.
pub fn avif_of(width: u32, height: u32, more: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let sides = [[0; 4], width.to_be_bytes(), height.to_be_bytes()].concat();
    let mut properties = iso_box(*b"ispe", &sides);
    // Version 0, one item: number 1 has so many properties.
    let mut table = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 1, more.len() as u8 + 1, 0x81];
    for (at, (kind, payload)) in more.iter().enumerate() {
        properties.extend(iso_box(*kind, payload));
        table.push(0x82 + at as u8);
    }
    let all = [iso_box(*b"ipco", &properties), iso_box(*b"ipma", &table)].concat();
    // One item: number 1, not protected, of a type and with no name.
    let item = iso_box(*b"infe", b"\x02\0\0\0\0\x01\0\0av01\0");
    let meta = [
        vec![0; 4],
        iso_box(*b"pitm", &[0, 0, 0, 0, 0, 1]),
        iso_box(*b"iinf", &[&[0, 0, 0, 0, 0, 1], item.as_slice()].concat()),
        iso_box(*b"iprp", &all),
    ]
    .concat();
    [
        iso_box(*b"ftyp", b"avif\0\0\0\0mif1avif"),
        iso_box(*b"meta", &meta),
    ]
    .concat()
}
