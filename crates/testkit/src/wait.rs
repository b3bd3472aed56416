//! Waits for a value, never for time to pass.

use std::future::Future;
use std::time::Duration;

/// Asks again and again until `look` has a value; panics after ten seconds,
/// saying what was waited for.
pub async fn wait_until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let asking = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            if let Some(value) = look().await {
                return value;
            }
        }
    };
    let asked = tokio::time::timeout(Duration::from_secs(30), asking).await;
    asked.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
