//! Lines, permits, and whose turn it is.

use futures::FutureExt;
use proptest::prelude::*;

use super::*;

const ROOMY: Bounds = Bounds { capacity: 2, queue: 100, per_tenant: usize::MAX, per_key: usize::MAX };

fn tenant(name: &str) -> Tenant {
    Tenant::Named(name.into())
}

/// What would wait in a line, as a future that has been polled once.
fn queued(
    admission: &Admission,
    name: &str,
    key: Option<&str>,
) -> std::pin::Pin<Box<dyn Future<Output = Result<Permit, NoPlace>>>> {
    let ticket = admission.join(tenant(name), key.map(Arc::from)).expect("a place");
    let mut waiting = Box::pin(ticket.permit());
    if let Some(permit) = waiting.as_mut().now_or_never() {
        return Box::pin(async move { permit });
    }
    waiting
}

fn load(running: usize, waiting: usize) -> Load {
    Load { running, waiting }
}

#[tokio::test]
async fn as_many_run_as_may_and_the_others_wait() {
    let admission = Admission::new(ROOMY);
    let first = queued(&admission, "a", None).await.expect("a permit");
    let second = queued(&admission, "a", None).await.expect("a permit");
    let mut third = queued(&admission, "a", None);
    assert!(third.as_mut().now_or_never().is_none());
    assert_eq!(admission.load(), load(2, 1));
    drop(first);
    let third = third.now_or_never().expect("its turn").expect("a permit");
    assert_eq!(admission.load(), load(2, 0));
    drop((second, third));
    assert_eq!(admission.load(), load(0, 0));
    assert!(admission.inner.state().lines.is_empty());
}

#[tokio::test]
async fn a_tenant_with_many_waiting_delays_another_by_one() {
    let admission = Admission::new(Bounds { capacity: 1, ..ROOMY });
    let running = queued(&admission, "greedy", None).await.expect("a permit");
    let mut crowd: Vec<_> = (0..50).map(|_| queued(&admission, "greedy", None)).collect();
    let mut modest = queued(&admission, "modest", None);
    drop(running);
    let next = crowd[0].as_mut().now_or_never().expect("came first").expect("a permit");
    assert!(modest.as_mut().now_or_never().is_none());
    drop(next);
    assert!(modest.as_mut().now_or_never().is_some());
}

#[tokio::test]
async fn whoever_has_nothing_running_comes_first() {
    let admission = Admission::new(ROOMY);
    let running = [queued(&admission, "greedy", None).await, queued(&admission, "greedy", None).await];
    let mut crowd: Vec<_> = (0..50).map(|_| queued(&admission, "greedy", None)).collect();
    let mut modest = queued(&admission, "modest", None);
    let mut third = queued(&admission, "third", None);
    let [first, second] = running.map(|permit| permit.expect("a permit"));
    drop(first);
    let modest = modest.as_mut().now_or_never().expect("its place").expect("a permit");
    drop(modest);
    let _third = third.as_mut().now_or_never().expect("its place").expect("a permit");
    drop(second);
    let _next = crowd[0].as_mut().now_or_never().expect("nobody else waits").expect("a permit");
    assert!(crowd[1].as_mut().now_or_never().is_none());
}

#[tokio::test]
async fn a_tenant_whose_waiters_have_given_up_is_not_served_before_its_turn() {
    let admission = Admission::new(Bounds { capacity: 1, ..ROOMY });
    let running = queued(&admission, "other", None).await.expect("a permit");
    // In a session, waiting for its turn: the line is not gone with those who give up.
    let _elsewhere = admission.join(tenant("fickle"), None).expect("a place");
    drop(queued(&admission, "fickle", None));
    let mut modest = queued(&admission, "modest", None);
    let mut third = queued(&admission, "third", None);
    drop(running);
    let modest = modest.as_mut().now_or_never().expect("its place").expect("a permit");
    let mut again = queued(&admission, "fickle", None);
    drop(modest);
    let third = third.as_mut().now_or_never().expect("came first").expect("a permit");
    assert!(again.as_mut().now_or_never().is_none());
    drop(third);
    assert!(again.as_mut().now_or_never().is_some());
}

#[tokio::test]
async fn a_line_has_an_end() {
    let admission = Admission::new(Bounds { capacity: 1, queue: 2, ..ROOMY });
    let places: Vec<_> = (0..3).map(|_| queued(&admission, "a", None)).collect();
    assert!(matches!(admission.join(tenant("a"), None), Err(NoPlace::Full(_))));
    assert!(admission.join(tenant("b"), None).is_ok(), "others have their own");
    drop(places);
    assert!(admission.join(tenant("a"), None).is_ok());
}

#[tokio::test]
async fn whoever_gives_up_leaves_nothing_behind() {
    let admission = Admission::new(Bounds { capacity: 1, ..ROOMY });
    let running = queued(&admission, "a", None).await.expect("a permit");
    for _ in 0..1000 {
        drop(queued(&admission, "a", None));
    }
    assert_eq!(admission.load(), load(1, 0));
    assert!(admission.inner.state().lines.values().all(|line| line.waiting.len() <= 2));
    // Given up in the moment in which it was granted.
    let granted = queued(&admission, "a", None);
    drop(running);
    drop(granted);
    assert_eq!(admission.load(), load(0, 0));
    assert!(queued(&admission, "b", None).now_or_never().is_some());
}

#[tokio::test]
async fn a_key_at_its_bound_is_passed_over() {
    let admission = Admission::new(Bounds { capacity: 3, per_key: 1, ..ROOMY });
    let first = queued(&admission, "a", Some("k")).await.expect("a permit");
    let mut second = queued(&admission, "a", Some("k"));
    assert!(second.as_mut().now_or_never().is_none());
    let _other = queued(&admission, "a", Some("l")).now_or_never().expect("another key").expect("a permit");
    drop(first);
    assert!(second.as_mut().now_or_never().is_some());
}

#[tokio::test]
async fn a_tenant_at_its_bound_does_not_stop_others() {
    let admission = Admission::new(Bounds { capacity: 3, per_tenant: 1, ..ROOMY });
    let first = queued(&admission, "a", None).await.expect("a permit");
    let mut second = queued(&admission, "a", None);
    assert!(second.as_mut().now_or_never().is_none());
    assert!(queued(&admission, "b", None).now_or_never().is_some());
    drop(first);
    assert!(second.as_mut().now_or_never().is_some());
}

#[tokio::test]
async fn who_waits_when_it_closes_is_told_so() {
    let admission = Admission::new(Bounds { capacity: 1, ..ROOMY });
    let running = queued(&admission, "a", None).await.expect("a permit");
    let waiting = queued(&admission, "a", None);
    admission.close();
    assert_eq!(waiting.await.expect_err("closed"), NoPlace::Closed);
    assert_eq!(admission.join(tenant("a"), None).expect_err("closed"), NoPlace::Closed);
    drop(running);
    assert_eq!(admission.load(), load(0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_is_told_follows_from_what_executions_take() {
    let admission = Admission::new(Bounds { capacity: 1, queue: 0, ..ROOMY });
    for _ in 0..100 {
        let running = queued(&admission, "a", None).await.expect("a permit");
        tokio::time::advance(Duration::from_secs(4)).await;
        drop(running);
    }
    let _running = queued(&admission, "a", None).await.expect("a permit");
    let Err(NoPlace::Full(wait)) = admission.join(tenant("a"), None) else { panic!("there is no place") };
    assert!((Duration::from_secs(3)..=Duration::from_secs(5)).contains(&wait), "{wait:?}");
}

proptest! {
    /// Whatever comes and goes: no more run than may, nobody waits while there is room, and in the end nothing is left.
    #[test]
    fn the_bounds_hold(
        capacity in 1usize..4, per_tenant in 1usize..4, per_key in 1usize..4,
        steps in prop::collection::vec((0u8..3, 0usize..3, 0usize..2, 0usize..16), 0..200),
    ) {
        let admission = Admission::new(Bounds { capacity, queue: 1000, per_tenant, per_key });
        let (mut waiting, mut running) = (Vec::new(), Vec::new());
        for (what, whose, key, which) in steps {
            match what {
                0 => waiting.push((whose, key, queued(&admission, &whose.to_string(), Some(&format!("{whose}/{key}"))))),
                1 if !waiting.is_empty() => drop(waiting.remove(which % waiting.len())),
                2 if !running.is_empty() => drop::<(usize, usize, Permit)>(running.remove(which % running.len())),
                _ => {}
            }
            let mut still = Vec::new();
            for (whose, key, mut place) in waiting.drain(..) {
                match place.as_mut().now_or_never() {
                    Some(permit) => running.push((whose, key, permit.expect("open"))),
                    None => still.push((whose, key, place)),
                }
            }
            waiting = still;
            let of_tenant = |whose| running.iter().filter(|run| run.0 == whose).count();
            let of_key = |whose, key| running.iter().filter(|run| (run.0, run.1) == (whose, key)).count();
            prop_assert!(running.len() <= capacity);
            for (whose, key, _) in &running {
                prop_assert!(of_tenant(*whose) <= per_tenant && of_key(*whose, *key) <= per_key);
            }
            for (whose, key, _) in &waiting {
                let is_held_up = running.len() == capacity
                    || of_tenant(*whose) == per_tenant
                    || of_key(*whose, *key) == per_key;
                prop_assert!(is_held_up, "somebody waits for nothing");
            }
            prop_assert_eq!(admission.load(), load(running.len(), waiting.len()));
        }
        drop((waiting, running));
        prop_assert_eq!(admission.load(), load(0, 0));
        prop_assert!(admission.inner.state().lines.is_empty() && admission.inner.state().turns.is_empty());
    }
}
