//! What a picture must be to be taken, and what is kept of it.
//!
//! A picture is never kept as it came: it is decoded, turned upright, made smaller where it is very large, and encoded
//! anew. So whatever travelled beside its pixels (the place it was taken at, the owner's name, a hidden preview of an
//! uncropped original) cannot survive, and what does not decode never reaches anybody's browser. What was transparent
//! is kept as PNG; everything else becomes JPEG.
//!
//! Left to others: where pictures are kept, who may see them, and how many are worked on at the same time.

use std::{fmt, io::Cursor, str::FromStr};

use data_encoding::HEXLOWER;
use huying_proto::events::v1 as events;
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder,
    codecs::png::PngEncoder, imageops::FilterType,
};
use sha2::{Digest as _, Sha256};

/// Most pictures of one submission.
pub const PICTURES_MAX: usize = 6;
/// Most bytes of the pictures of one submission, together.
pub const PICTURES_MAX_BYTES: usize = 3 * MIB;
/// Most bytes of a picture that is uploaded by itself.
pub const UPLOAD_MAX_BYTES: usize = 10 * MIB;
/// Most bytes of one chunk of an upload.
pub const UPLOAD_CHUNK_MAX_BYTES: usize = MIB;
/// Most pixels of a picture as it comes.
pub const PIXELS_MAX: u64 = 40_000_000;
/// Most pixels, wide or high, of a picture as it is kept: enough to read a photographed page.
pub const SIDE_MAX_PX: u32 = 2_560;

const MIB: usize = 1_024 * 1_024;
/// Most bytes of the decoded pixels: [`PIXELS_MAX`] of four bytes, and a little. Sixteen bits a colour take twice that.
const DECODED_MAX_BYTES: u64 = 160_000_000;
/// Quality of a JPEG: what is lost is not seen.
const JPEG_QUALITY: u8 = 85;

/// A picture is known by its content: the SHA-256 of the bytes that are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PictureId([u8; 32]);

/// The text is not the id of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a picture id; 64 lower-case hexadecimal digits would be right")]
pub struct NotAPictureId;

/// A picture as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedPicture {
    /// Its name, by its content.
    pub id: PictureId,
    /// JPEG or PNG.
    pub media_type: MediaType,
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What a kept picture is encoded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// Photographs, and everything else without transparency.
    Jpeg,
    /// What is transparent somewhere.
    Png,
}

/// Why a picture is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureFault {
    /// No bytes.
    #[error("is empty; a JPEG, PNG or WebP file would be right")]
    Empty,
    /// Something else, whatever its name said.
    #[error("is neither JPEG nor PNG nor WebP by its content; one of these would be right")]
    Format,
    /// Larger than anybody needs, and than memory should have to bear.
    #[error("is {width_px} by {height_px} pixels; at most {PIXELS_MAX} pixels in all would be right")]
    TooManyPixels {
        /// Width as it came.
        width_px: u32,
        /// Height as it came.
        height_px: u32,
    },
    /// Few enough pixels, but too many bytes for each.
    #[error("takes more than {DECODED_MAX_BYTES} bytes when it is decoded; 8 bits a colour would be right")]
    TooMuchMemory,
    /// Damaged or cut off.
    #[error("is damaged: it cannot be decoded; a file that other programs can show would be right")]
    Damaged,
}

impl PictureId {
    /// The id of a file.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The id of a hash as it was stored.
    ///
    /// # Errors
    /// When it has another length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAPictureId> {
        bytes.try_into().map(Self).map_err(|_| NotAPictureId)
    }

    /// The hash itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for PictureId {
    type Err = NotAPictureId;

    fn from_str(text: &str) -> Result<Self, NotAPictureId> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NotAPictureId)?;
        bytes.try_into().map(Self).map_err(|_| NotAPictureId)
    }
}

impl fmt::Display for PictureId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for PictureId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PictureId({self})")
    }
}

impl MediaType {
    /// As in the header Content-Type (RFC 6838).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

impl PreparedPicture {
    /// Decodes a file and encodes what is to be kept of it. Takes two seconds of one core and 350 MiB of memory for the
    /// largest pictures allowed, a second and 190 MiB for a photograph of 12 million pixels, a tenth of that for one
    /// of 2 million.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn prepare(file: &[u8]) -> Result<Self, PictureFault> {
        if file.is_empty() {
            return Err(PictureFault::Empty);
        }
        let upright = reduced_and_upright(file)?;
        let (width_px, height_px) = (upright.width(), upright.height());
        let (media_type, bytes) = encode(upright).map_err(|error| fault_of(&error))?;
        Ok(Self { id: PictureId::of(&bytes), media_type, width_px, height_px, bytes })
    }

    /// The picture as it stands in contracts.
    #[must_use]
    pub fn to_proto(&self) -> events::Picture {
        events::Picture {
            picture_id: self.id.to_string(),
            media_type: self.media_type.as_str().to_owned(),
            width_px: self.width_px,
            height_px: self.height_px,
            size_bytes: u32::try_from(self.bytes.len()).unwrap_or(u32::MAX),
        }
    }
}

impl fmt::Debug for PreparedPicture {
    /// Without the picture.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PreparedPicture")
            .field("id", &self.id)
            .field("media_type", &self.media_type)
            .field("width_px", &self.width_px)
            .field("height_px", &self.height_px)
            .field("size_bytes", &self.bytes.len())
            .finish()
    }
}

fn reduced_and_upright(file: &[u8]) -> Result<DynamicImage, PictureFault> {
    let mut decoder = decoder(file)?;
    // How the camera was held is metadata, too; it has to be read before the metadata is left behind. A picture whose
    // metadata makes no sense is taken as it lies.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let decoded = DynamicImage::from_decoder(decoder).map_err(|error| fault_of(&error))?;
    let mut picture = reduced(decoded);
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// A decoder that has read no more than the head of the file, for a picture within the bounds.
fn decoder(file: &[u8]) -> Result<impl ImageDecoder + '_, PictureFault> {
    let format = image::guess_format(file).map_err(|_| PictureFault::Format)?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) {
        return Err(PictureFault::Format);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED_MAX_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| fault_of(&error))?;
    let (width_px, height_px) = decoder.dimensions();
    if u64::from(width_px) * u64::from(height_px) > PIXELS_MAX {
        return Err(PictureFault::TooManyPixels { width_px, height_px });
    }
    // Not every decoder heeds the limit on memory.
    if decoder.total_bytes() > DECODED_MAX_BYTES {
        return Err(PictureFault::TooMuchMemory);
    }
    Ok(decoder)
}

/// The picture with no side longer than [`SIDE_MAX_PX`].
fn reduced(picture: DynamicImage) -> DynamicImage {
    let longest_px = picture.width().max(picture.height());
    if longest_px <= SIDE_MAX_PX {
        picture
    } else if longest_px >= 2 * SIDE_MAX_PX {
        // Every pixel kept is the mean of several: as good as any filter, and without a copy in floating point, which
        // would take more memory than the picture itself.
        picture.thumbnail(SIDE_MAX_PX, SIDE_MAX_PX)
    } else {
        picture.resize(SIDE_MAX_PX, SIDE_MAX_PX, FilterType::Triangle)
    }
}

fn encode(mut picture: DynamicImage) -> Result<(MediaType, Vec<u8>), ImageError> {
    let mut file = Vec::new();
    if picture.color().has_alpha() {
        let pixels = picture.into_rgba8();
        // That something could shine through is not enough.
        if pixels.pixels().any(|pixel| pixel.0[3] < u8::MAX) {
            pixels.write_with_encoder(PngEncoder::new(&mut file))?;
            return Ok((MediaType::Png, file));
        }
        picture = pixels.into();
    }
    picture.into_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY))?;
    Ok((MediaType::Jpeg, file))
}

fn fault_of(error: &ImageError) -> PictureFault {
    if matches!(error, ImageError::Limits(_)) { PictureFault::TooMuchMemory } else { PictureFault::Damaged }
}

#[cfg(test)]
mod tests;
