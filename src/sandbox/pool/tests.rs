use super::*;
use crate::api::{NetworkMode, Size};
use crate::sandbox::contract::{Image, Limits, Seccomp};
use crate::sandbox::fake::{Fake, START_TIME};

fn spec() -> Arc<ContainerSpec> {
    spec_for("image")
}

fn spec_for(image: &str) -> Arc<ContainerSpec> {
    let limits = Limits {
        network: NetworkMode::None,
        memory: Size::mebibytes(64),
        nano_cpus: 1,
        pids: 8,
        readonly_root: true,
        sandbox_size: Size::mebibytes(1),
        tmp_size: Size::mebibytes(1),
        oci_runtime: None,
    };
    let image = Image { id: image.to_owned(), knows_localhost: true };
    Arc::new(ContainerSpec::new(image, "bash", "test", &limits, Seccomp::Strict))
}

fn pool(fake: &Fake, strategy: PoolStrategy, clean: usize, dirty: usize) -> Pool<Fake> {
    Pool::new(fake.clone(), PoolSettings { strategy, clean, dirty })
}

/// Lets everything that is under way end.
async fn settle() {
    tokio::time::sleep(START_TIME * 8).await;
}

#[tokio::test(start_paused = true)]
async fn a_used_sandbox_is_reset_and_used_again() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 0, 1);
    let first = pool.acquire(&spec()).await.expect("starts").id().clone();
    settle().await;
    let second = pool.acquire(&spec()).await.expect("is ready");
    assert_eq!(second.id(), &first);
    assert_eq!(fake.started(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_does_not_verify_is_destroyed() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 0, 1);
    fake.find(&["a process that would not die"]);
    drop(pool.acquire(&spec()).await.expect("starts"));
    settle().await;
    assert_eq!((fake.live(), fake.started()), (0, 1));
    pool.acquire(&spec()).await.expect("a new one starts");
    assert_eq!(fake.started(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_discarded_sandbox_is_destroyed() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 0, 1);
    let mut lease = pool.acquire(&spec()).await.expect("starts");
    lease.discard();
    drop(lease);
    settle().await;
    assert_eq!(fake.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn secure_sandboxes_serve_once_and_fresh_ones_stand_ready() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Secure, 1, 1);
    let first = pool.acquire(&spec()).await.expect("starts").id().clone();
    settle().await;
    assert_eq!(fake.live(), 1);
    let before = fake.started();
    let second = pool.acquire(&spec()).await.expect("is ready");
    assert_ne!(second.id(), &first);
    assert_eq!(fake.started(), before, "it stood ready");
}

#[tokio::test(start_paused = true)]
async fn the_pool_refills_ahead_of_demand() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 1, 0);
    let _lease = pool.acquire(&spec()).await.expect("starts");
    settle().await;
    assert_eq!(fake.live(), 2);
    let before = tokio::time::Instant::now();
    let _second = pool.acquire(&spec()).await.expect("is ready");
    assert!(before.elapsed() < START_TIME / 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_gets_a_reset_sandbox_rather_than_a_new_one() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 0, 2);
    let lease = pool.acquire(&spec()).await.expect("starts");
    let used = lease.id().clone();
    let (waiting, spec) = (pool.clone(), spec());
    let waiter = tokio::spawn(async move { waiting.acquire(&spec).await.expect("gets one").id().clone() });
    tokio::time::sleep(START_TIME / 3).await;
    drop(lease);
    assert_eq!(waiter.await.expect("the waiter is served"), used);
}

#[tokio::test(start_paused = true)]
async fn surplus_sandboxes_go_soon_and_all_of_them_in_the_end() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 1, 1);
    let mut leases = Vec::new();
    for _ in 0..5 {
        leases.push(pool.acquire(&spec()).await.expect("starts"));
    }
    drop(leases);
    settle().await;
    assert!(fake.live() >= 5, "a burst may come again");
    tokio::time::sleep(SURPLUS_LIFETIME + SWEEP_INTERVAL * 2).await;
    assert_eq!(fake.live(), 2, "clean and dirty together");
    tokio::time::sleep(IDLE_LIFETIME).await;
    assert_eq!(fake.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_size_nothing_is_kept() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 0, 0);
    drop(pool.acquire(&spec()).await.expect("starts"));
    settle().await;
    assert_eq!((fake.live(), fake.started()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_reaches_the_one_who_waits_and_the_next_one_tries_again() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 0, 1);
    fake.fail_starts(1);
    let error = pool.acquire(&spec()).await.expect_err("the start fails");
    assert!(matches!(error, AcquireError::Start(StartError::Backend(_))), "{error}");
    pool.acquire(&spec()).await.expect("the next one starts");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_started_is_not_tried_over_and_over() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 1, 1);
    fake.fail_starts(usize::MAX);
    pool.acquire(&spec()).await.map(drop).expect_err("the start fails");
    settle().await;
    assert!(fake.attempts() <= 2, "{} attempts", fake.attempts());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_goes_away_leaves_its_sandbox_to_the_next() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 0, 1);
    tokio::time::timeout(START_TIME / 2, pool.acquire(&spec())).await.expect_err("is cancelled");
    settle().await;
    let before = tokio::time::Instant::now();
    pool.acquire(&spec()).await.expect("is ready");
    assert!(before.elapsed() < START_TIME / 2);
    assert_eq!(fake.started(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_burst_does_not_stampede_the_daemon() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 1, 1);
    let spec = spec();
    let leases = futures::future::join_all((0..20).map(|_| pool.acquire(&spec))).await;
    assert!(leases.iter().all(Result::is_ok));
    assert!(fake.most_starting() <= STARTS_AT_A_TIME, "{} at a time", fake.most_starting());
}

#[tokio::test(start_paused = true)]
async fn sandboxes_of_different_specs_are_never_mixed() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 0, 1);
    let first = pool.acquire(&spec_for("a")).await.expect("starts").id().clone();
    settle().await;
    let second = pool.acquire(&spec_for("b")).await.expect("starts");
    assert_ne!(second.id(), &first);
}

#[tokio::test(start_paused = true)]
async fn a_writable_root_is_never_reused() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 0, 1);
    let writable = Arc::new(ContainerSpec { readonly_root: false, ..ContainerSpec::clone(&spec()) });
    drop(pool.acquire(&writable).await.expect("starts"));
    settle().await;
    assert_eq!(fake.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn warming_makes_as_many_ready_as_are_to_be_clean() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 3, 0);
    pool.warm(&spec()).await.expect("starts");
    settle().await;
    assert_eq!((fake.started(), fake.live()), (3, 3), "and not one more");
    pool.warm(&spec()).await.expect("nothing is missing");
    assert_eq!(fake.started(), 3);
}

#[tokio::test(start_paused = true)]
async fn draining_leaves_nothing_behind_and_refuses_what_comes_later() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 2, 2);
    drop(pool.acquire(&spec()).await.expect("starts"));
    let (waiting, spec) = (pool.clone(), spec());
    let late = tokio::spawn(async move { waiting.acquire(&spec_for("other")).await.map(drop) });
    tokio::time::sleep(START_TIME / 2).await;
    pool.drain().await;
    assert_eq!(fake.live(), 0);
    assert!(matches!(late.await.expect("ends"), Err(AcquireError::Closed)));
    assert!(matches!(pool.acquire(&spec).await.map(drop), Err(AcquireError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_falls_silent_is_replaced() {
    let fake = Fake::default();
    let pool = pool(&fake, PoolStrategy::Fast, 0, 1);
    drop(pool.acquire(&spec()).await.expect("starts"));
    settle().await;
    fake.mute();
    tokio::time::sleep(Duration::from_secs(60)).await;
    pool.acquire(&spec()).await.expect("a new one starts");
    assert_eq!(fake.started(), 2);
}
