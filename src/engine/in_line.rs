//! Queues in the order of the calls.

use std::task::{Context, Poll, Waker};

/// Begins to wait for something now, rather than when the result is first polled: the tasks in which several calls
/// go on may start in any order, and what they wait for serves them first come, first served.
pub fn in_line<F: Future>(wait: F) -> impl Future<Output = F::Output> {
    let mut wait = Box::pin(wait);
    let at_once = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    async move {
        match at_once {
            Poll::Ready(outcome) => outcome,
            // It has its place in the queue, and now somebody to wake.
            Poll::Pending => wait.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn who_comes_first_is_served_first_whoever_is_polled_first() {
        let permits = Arc::new(Semaphore::new(0));
        let first = in_line(permits.clone().acquire_owned());
        let second = in_line(permits.clone().acquire_owned());
        let second = tokio::spawn(second);
        tokio::task::yield_now().await;
        permits.add_permits(1);
        first.await.expect("open").forget();
        assert!(!second.is_finished());
    }
}
