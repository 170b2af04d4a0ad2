//! The filter of the guest's own.

use crate::support::Guest;

#[tokio::test]
async fn programs_have_a_filter_and_get_to_no_keyring() {
    let guest = Guest::start().await;
    let filtered = guest.sh("grep -E '^Seccomp:' /proc/self/status").await;
    assert_eq!(filtered.stdout(), "Seccomp:\t2\n");
    let [add, request, control] = [nix::libc::SYS_add_key, nix::libc::SYS_request_key, nix::libc::SYS_keyctl];
    let script = format!(
        "import ctypes\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         for number in {add}, {request}, {control}:\n    print(libc.syscall(number, 0, 0, 0, 0, 0), ctypes.get_errno())"
    );
    let called = guest.sh(&format!("python3 -c '{script}'")).await;
    // Without the filter: a pointer that leads nowhere (14), and the number of the keyring.
    assert_eq!((called.stdout(), called.stderr()), ("-1 1\n-1 1\n-1 1\n", ""));
}
