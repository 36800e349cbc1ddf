//! Selects the images of an index for commands that use one by default.

use std::path::{Path, PathBuf};

use plimsoll_core::{Kind, Limits};
use plimsoll_gather::OpenedSubject;
use plimsoll_image::artifact::{Absent, Image};

use crate::failure::Failure;
use crate::output::Console;
use crate::settings::Platforms;

/// The image that `--platform` names, or every image, or the one for this machine. Empty for a subject without images.
pub(super) fn chosen<'a>(
    opened: &'a OpenedSubject,
    platforms: &Platforms,
    limits: &Limits,
    console: Console,
) -> Result<Vec<Option<&'a Image>>, Failure> {
    let platform = platforms.named.as_ref();
    let OpenedSubject::Image { artifact, subject, .. } = opened else { return Ok(vec![None]) };
    if platforms.all {
        if platform.is_some() {
            return Err(Failure::new(Kind::Usage, "both all-platforms and platform are set")
                .with_hint("`plimsoll config show` says where"));
        }
        return Ok(artifact
            .select_within(None, limits)
            .map_err(plimsoll_gather::Error::from)?
            .into_iter()
            .map(Some)
            .collect());
    }
    let image = opened.one_image(platform)?;
    if let (Some(image), true, None) = (image, artifact.images.len() + artifact.absent.len() > 1, platform) {
        console.say(format_args!(
            "{subject}: took {} of {} platforms; --platform chooses, --all-platforms takes all",
            image.platform,
            artifact.images.len() + artifact.absent.len()
        ));
    }
    Ok(vec![image])
}

/// The selected images that are missing.
pub(super) fn absent<'a>(opened: &'a OpenedSubject, platforms: &Platforms) -> &'a [Absent] {
    match opened {
        OpenedSubject::Image { artifact, .. } if platforms.all => &artifact.absent,
        _ => &[],
    }
}

/// `file` with `{platform}` and `{digest}` in its name replaced, in a form that fits into names.
pub(super) fn in_name(file: &Path, image: &Image) -> PathBuf {
    let fit = |text: &str| -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        text.chars().map(|c| if fits(c) { c } else { '-' }).collect()
    };
    let (Some(name), platform) =
        (file.file_name().and_then(|name| name.to_str()), image.platform.to_string())
    else {
        return file.to_owned();
    };
    let name = name.replace("{platform}", &fit(&platform));
    file.with_file_name(name.replace("{digest}", &fit(&image.manifest.digest.to_string())))
}
