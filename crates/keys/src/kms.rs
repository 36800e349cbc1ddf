//! Keys in services, a file for each: HashiCorp Vault and OpenBao, Amazon, Google, Azure.

pub(super) mod aws;
pub(super) mod azure;
pub(super) mod google;
pub(super) mod vault;
