//! Registries that misbehave when a part of a blob is requested: row R16.

use std::io::Read as _;

use plimsoll_core::{Classify as _, Kind, Limits, Reference};
use plimsoll_http::{Client, Settings};
use plimsoll_image::{Descriptor, Source as _};
use plimsoll_registry::Registry;
use plimsoll_testkit as testkit;
use testkit::{Fault, ImageBuilder, Layer};

#[test]
fn r16_a_part_that_is_not_the_requested_one_is_none() {
    let fake = testkit::Registry::start();
    let image = ImageBuilder::new().layer(Layer::new().file("a", vec![b'x'; 9000])).build();
    image.push(&fake, "app", "1");
    let reference: Reference = fake.reference("app", "1").parse().unwrap();
    let client = Client::new(Settings { retries: 0, ..Settings::default() }).unwrap();
    let registry = Registry::new(client, &reference, None, Limits::default()).unwrap();
    let layer = &image.image().layers[0];
    let layer = Descriptor::for_bytes(&layer.media_type, &layer.bytes);
    let end = layer.size - 1;
    for fault in [Fault::IgnoreRange, Fault::WrongContentRange, Fault::Status(416)] {
        fake.behave();
        fake.misbehave("*/blobs/*", fault.clone());
        assert!(registry.part(&layer, 1..end).unwrap().is_none(), "{fault:?}");
    }
    for (fault, kind) in [
        (Fault::Status(401), Kind::Unauthorized),
        (Fault::Status(404), Kind::NotFound),
        (Fault::Status(500), Kind::Transient),
        (Fault::Close, Kind::Transient),
    ] {
        fake.behave();
        fake.misbehave("*/blobs/*", fault.clone());
        let error = registry.part(&layer, 1..end).map(drop).unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
    }
    for fault in [Fault::HalfThenClose, Fault::CloseAfter(1)] {
        fake.behave();
        fake.misbehave("*/blobs/*", fault.clone());
        let mut part = registry.part(&layer, 1..end).unwrap().unwrap();
        assert!(part.read_to_end(&mut Vec::new()).is_err(), "{fault:?}: an end that comes early is an error");
    }
}
