//! `.terraform.lock.hcl` of Terraform and OpenTofu: a block for each provider.
//!
//! ```text
//! provider "registry.terraform.io/hashicorp/aws" {
//!   version     = "5.72.1"
//!   constraints = ">= 5.72.0"
//! }
//! ```

use super::Locked;

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut provider, mut blocks) = (Vec::new(), None, 0_usize);
    for line in text.lines().map(str::trim) {
        if let Some(block) = line.strip_prefix("provider ") {
            provider = block.split('"').nth(1);
            blocks += 1;
        } else if let Some(version) = line.strip_prefix("version").and_then(|it| it.trim().strip_prefix('='))
        {
            let name = provider.take().ok_or(OTHERWISE)?;
            locked.push(Locked::new(name, version.trim().trim_matches('"')));
        }
    }
    if blocks == 0 || blocks != locked.len() {
        return Err(OTHERWISE.to_owned());
    }
    Ok(locked)
}

const OTHERWISE: &str = "is not laid out as Terraform does it";
