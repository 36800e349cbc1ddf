//! What is kept of hosts is bounded in all, however many names others give: a process may live for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Net, OK, get, settings};

#[tokio::test(start_paused = true)]
async fn s22_connections_to_many_hosts_are_kept_up_to_a_number() {
    let open = Arc::new(AtomicUsize::new(0));
    let (mut net, mut settings) = (Net::default(), settings());
    for n in 0..200 {
        let (name, address) = (format!("h{n}.example"), format!("93.184.215.{n}"));
        let open = Arc::clone(&open);
        net = net.name(&name, &[&[&address]]).server(&format!("{address}:80"), move |mut peer| {
            let open = Arc::clone(&open);
            async move {
                open.fetch_add(1, Ordering::SeqCst);
                while peer.request().await.is_some() {
                    peer.send(OK).await;
                }
                open.fetch_sub(1, Ordering::SeqCst);
            }
        });
        settings.plain_http.push(name);
    }
    let client = net.client(settings);
    for n in 0..200 {
        get(&client, &format!("http://h{n}.example/")).await.unwrap().body.bytes(10).await.unwrap();
    }
    // For the servers to see what was closed.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(open.load(Ordering::SeqCst), 32);
}
