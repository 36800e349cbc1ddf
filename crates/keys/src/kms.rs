//! Keys in services: HashiCorp Vault and OpenBao, Amazon, Google, Azure. A file each.

pub(super) mod aws;
pub(super) mod azure;
pub(super) mod google;
pub(super) mod vault;
