use image::{GrayImage, ImageEncoder as _, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

/// A word that stands in the metadata of these pictures and must not come out again.
const OWNER: &[u8] = b"Wang Jianguo's phone";
/// 40 degrees, 46 minutes, 12.34 seconds, as EXIF has it: three fractions.
const LATITUDE: [u32; 6] = [40, 1, 46, 1, 1_234, 100];

/// Left half red, right half blue.
fn two_halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([200, 0, 0]) } else { Rgb([0, 0, 200]) })
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut file, 95)).unwrap();
    file
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    let mut file = Vec::new();
    picture.write_with_encoder(PngEncoder::new(&mut file)).unwrap();
    file
}

/// EXIF 2.3 as a little-endian TIFF: artist, orientation, and a GPS directory with a latitude.
fn exif(orientation: u16) -> Vec<u8> {
    const ENTRY_LEN: u32 = 12;
    let first_end = 8 + 2 + 3 * ENTRY_LEN + 4;
    let gps_end = first_end + 2 + 2 * ENTRY_LEN + 4;
    let latitude_end = gps_end + 24;
    let mut tiff = b"II\x2a\0\x08\0\0\0".to_vec();
    let entry = |tiff: &mut Vec<u8>, tag: u16, kind: u16, count: u32, value: u32| {
        tiff.extend_from_slice(&tag.to_le_bytes());
        tiff.extend_from_slice(&kind.to_le_bytes());
        tiff.extend_from_slice(&count.to_le_bytes());
        tiff.extend_from_slice(&value.to_le_bytes());
    };
    tiff.extend_from_slice(&3_u16.to_le_bytes());
    entry(&mut tiff, 0x0112, 3, 1, u32::from(orientation));
    entry(&mut tiff, 0x013b, 2, u32::try_from(OWNER.len()).unwrap(), latitude_end);
    entry(&mut tiff, 0x8825, 4, 1, first_end);
    tiff.extend_from_slice(&0_u32.to_le_bytes());
    tiff.extend_from_slice(&2_u16.to_le_bytes());
    entry(&mut tiff, 0x0001, 2, 2, u32::from_le_bytes(*b"N\0\0\0"));
    entry(&mut tiff, 0x0002, 5, 3, gps_end);
    tiff.extend_from_slice(&0_u32.to_le_bytes());
    tiff.extend_from_slice(&latitude_bytes());
    tiff.extend_from_slice(OWNER);
    tiff
}

fn latitude_bytes() -> Vec<u8> {
    LATITUDE.iter().flat_map(|part| part.to_le_bytes()).collect()
}

/// A JPEG as a phone writes it: the EXIF segment right behind the start of the image, a comment behind that.
fn photograph(picture: &RgbImage, orientation: u16) -> Vec<u8> {
    let segment = |marker: u8, content: &[u8]| {
        let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], &length[..], content].concat()
    };
    let plain = jpeg(picture);
    let exif = segment(0xe1, &[b"Exif\0\0", exif(orientation).as_slice()].concat());
    [&plain[..2], &exif, &segment(0xfe, OWNER), &plain[2..]].concat()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn decoded(picture: &PreparedPicture) -> RgbImage {
    image::load_from_memory(&picture.bytes).unwrap().into_rgb8()
}

fn is_red(pixel: &Rgb<u8>) -> bool {
    pixel.0[0] > 150 && pixel.0[2] < 60
}

#[test]
fn nothing_of_the_metadata_survives() {
    let came = photograph(&two_halves(64, 32), 1);
    assert!(contains(&came, &latitude_bytes()) && contains(&came, OWNER) && contains(&came, b"Exif"));
    let kept = PreparedPicture::prepare(&came).unwrap();
    for gone in [latitude_bytes().as_slice(), OWNER, b"Exif"] {
        assert!(!contains(&kept.bytes, gone), "{gone:?}");
    }
    assert_eq!(kept.id, PictureId::of(&kept.bytes));
}

#[test]
fn a_picture_stands_as_the_camera_was_held() {
    // 6: the camera was turned to the left, so what lies on the left belongs on top.
    let kept = PreparedPicture::prepare(&photograph(&two_halves(64, 32), 6)).unwrap();
    assert_eq!((kept.width_px, kept.height_px), (32, 64));
    let upright = decoded(&kept);
    assert!(is_red(upright.get_pixel(16, 8)) && !is_red(upright.get_pixel(16, 56)));
    let mirrored = decoded(&PreparedPicture::prepare(&photograph(&two_halves(64, 32), 2)).unwrap());
    assert!(!is_red(mirrored.get_pixel(8, 16)) && is_red(mirrored.get_pixel(56, 16)));
}

#[test]
fn the_same_file_gives_the_same_picture() {
    let file = photograph(&two_halves(40, 40), 3);
    assert_eq!(PreparedPicture::prepare(&file), PreparedPicture::prepare(&file));
    // What differs in its metadata alone is the same picture.
    let plain = PreparedPicture::prepare(&jpeg(&two_halves(40, 40))).unwrap();
    assert_eq!(PreparedPicture::prepare(&photograph(&two_halves(40, 40), 1)).unwrap().id, plain.id);
}

#[test]
fn large_pictures_are_made_smaller_and_small_ones_are_not_made_larger() {
    for (came, kept) in [
        ((2_561, 100), (2_560, 100)),
        ((3_000, 600), (2_560, 512)),
        ((500, 6_000), (213, 2_560)),
        ((40_000, 2), (2_560, 1)),
        ((10, 20), (10, 20)),
        ((1, 1), (1, 1)),
    ] {
        let picture = PreparedPicture::prepare(&jpeg_or_png(came)).unwrap();
        assert_eq!((picture.width_px, picture.height_px), kept, "{came:?}");
        let size = image::load_from_memory(&picture.bytes).unwrap();
        assert_eq!((size.width(), size.height()), kept);
    }
}

/// Gray and cheap to make.
fn jpeg_or_png((width, height): (u32, u32)) -> Vec<u8> {
    let picture = GrayImage::from_pixel(width, height, Luma([90]));
    png(&DynamicImage::ImageLuma8(picture))
}

#[test]
fn what_is_transparent_stays_png_and_everything_else_becomes_jpeg() {
    let mut pixels = RgbaImage::from_pixel(8, 8, Rgba([10, 200, 10, 255]));
    let opaque = PreparedPicture::prepare(&png(&pixels.clone().into())).unwrap();
    assert_eq!(opaque.media_type, MediaType::Jpeg);
    pixels.put_pixel(3, 3, Rgba([0, 0, 0, 0]));
    let transparent = PreparedPicture::prepare(&png(&pixels.clone().into())).unwrap();
    assert_eq!(transparent.media_type, MediaType::Png);
    assert_eq!(image::load_from_memory(&transparent.bytes).unwrap().into_rgba8(), pixels);

    let mut webp = Vec::new();
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
    encoder.write_image(two_halves(16, 16).as_raw(), 16, 16, image::ExtendedColorType::Rgb8).unwrap();
    let from_webp = PreparedPicture::prepare(&webp).unwrap();
    assert_eq!(from_webp.to_proto().media_type, "image/jpeg");
    assert!(is_red(decoded(&from_webp).get_pixel(2, 2)));
}

#[test]
fn what_is_no_picture_is_refused_by_its_content() {
    assert_eq!(PreparedPicture::prepare(b""), Err(PictureFault::Empty));
    for other in [b"GIF89a\x01\0\x01\0".as_slice(), b"%PDF-1.7", b"<svg/>", b"BM6\0\0\0", &[0; 64]] {
        assert_eq!(PreparedPicture::prepare(other), Err(PictureFault::Format), "{other:?}");
    }
    for head in [b"\xff\xd8\xff\xe0".as_slice(), b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBPVP8 "] {
        assert_eq!(PreparedPicture::prepare(head), Err(PictureFault::Damaged), "{head:?}");
    }
}

#[test]
fn a_cut_off_file_is_damaged() {
    let whole = png(&DynamicImage::ImageRgb8(two_halves(64, 64)));
    assert_eq!(PreparedPicture::prepare(&whole[..whole.len() / 2]), Err(PictureFault::Damaged));
}

#[test]
fn too_many_pixels_are_refused_before_any_is_decoded() {
    // Only the head says so: there is not a pixel in these files.
    let (width_px, height_px) = (8_000_u32, 5_001_u32);
    let mut huge_jpeg = jpeg(&two_halves(8, 8));
    let frame = huge_jpeg.windows(2).position(|window| window == [0xff, 0xc0]).unwrap();
    huge_jpeg[frame + 5..frame + 7].copy_from_slice(&5_001_u16.to_be_bytes());
    huge_jpeg[frame + 7..frame + 9].copy_from_slice(&8_000_u16.to_be_bytes());
    let refused = Err(PictureFault::TooManyPixels { width_px, height_px });
    assert_eq!(PreparedPicture::prepare(&huge_jpeg), refused);
    assert_eq!(PreparedPicture::prepare(&png_head(width_px, height_px, 8)), refused);
    assert_eq!(PreparedPicture::prepare(&png_head(7_000, 5_000, 16)), Err(PictureFault::TooMuchMemory));
}

/// A PNG that ends where its pixels would begin, with an alpha channel.
fn png_head(width: u32, height: u32, bits: u8) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[bits, 6, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    file.extend_from_slice(&header);
    file.extend_from_slice(&crc32(&header).to_be_bytes());
    file.extend_from_slice(b"\0\0\0\0IDAT");
    file.extend_from_slice(&crc32(b"IDAT").to_be_bytes());
    file
}

/// The check sum of PNG (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

#[test]
fn an_id_is_64_lower_case_hexadecimal_digits() {
    let id = PictureId::of(b"picture");
    assert_eq!(id.to_string().parse(), Ok(id));
    for wrong in ["", "ab", &id.to_string().to_uppercase(), &id.to_string()[1..], &"zz".repeat(32)] {
        assert_eq!(wrong.parse::<PictureId>(), Err(NotAPictureId), "{wrong}");
    }
}
