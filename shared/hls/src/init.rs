use bytes::Bytes;
use mp4_atom::{
    Codec, Dinf, Dref, Encode, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mvex, Mvhd, Smhd, Stbl, Stco, Stsd, Tkhd,
    Trak, Trex, Url, Vmhd,
};

use crate::fragment::TRACK;

/// An init: `ftyp` and a `moov` without samples (ISO/IEC 23000-19 §7.3.1).
pub(crate) fn init(entry: Codec, rate: u32) -> Result<Bytes, mp4_atom::Error> {
    let size = entry.visual().map(|visual| (visual.width, visual.height));
    let handler: &[u8; 4] = if size.is_some() { b"vide" } else { b"soun" };
    let (width, height) = size.unwrap_or_default();
    let volume = u8::from(size.is_none());
    let stbl = Stbl { stsd: Stsd { codecs: vec![entry] }, stco: Some(Stco::default()), ..Stbl::default() };
    let trak = Trak {
        tkhd: Tkhd {
            track_id: TRACK,
            enabled: true,
            in_movie: true,
            volume: volume.into(),
            width: width.into(),
            height: height.into(),
            ..Tkhd::default()
        },
        mdia: Mdia {
            mdhd: Mdhd { timescale: rate, language: "und".into(), ..Mdhd::default() },
            hdlr: Hdlr { handler: handler.into(), name: "Sluice".into() },
            minf: Minf {
                vmhd: size.map(|_| Vmhd::default()),
                smhd: size.is_none().then(Smhd::default),
                dinf: Dinf { dref: Dref { entries: vec![Url { location: String::new() }.into()] } },
                stbl,
                ..Minf::default()
            },
        },
        ..Trak::default()
    };
    let moov = Moov {
        mvhd: Mvhd {
            timescale: 1000,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: TRACK + 1,
            ..Mvhd::default()
        },
        mvex: Some(Mvex {
            mehd: None,
            trex: vec![Trex { track_id: TRACK, default_sample_description_index: 1, ..Trex::default() }],
        }),
        trak: vec![trak],
        ..Moov::default()
    };
    let brands = [b"iso6", b"cmfc", b"mp41"];
    let ftyp = Ftyp {
        major_brand: b"iso6".into(),
        minor_version: 0,
        compatible_brands: brands.into_iter().map(Into::into).collect(),
    };
    let mut out = Vec::with_capacity(1024);
    ftyp.encode(&mut out)?;
    moov.encode(&mut out)?;
    Ok(out.into())
}
