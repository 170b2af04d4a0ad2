//! Keeps the guest, and with it all that it starts, away from the kernel's keyrings.
//!
//! Keys belong to a user of the host and to no namespace: whoever is uid 100 in one sandbox finds what uid 100 of another
//! has put there, also after a reset. The profile that a container is started with keeps them out, but a caller may bring
//! another profile, or none. So PID 1 puts a filter of its own beneath it, which every process inherits and none can take
//! off. It refuses the three calls that keys have, by every number that the processor knows them by.

use std::io;

use nix::libc::{
    self, BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW,
    SECCOMP_RET_ERRNO, sock_filter,
};

use crate::sys;

/// One way to call the kernel.
struct Table {
    /// What it is called by the kernel (`AUDIT_ARCH_…`).
    arch: u32,
    /// The bits of a number that name a call.
    number: u32,
    /// add_key, request_key and keyctl.
    refused: [u32; 3],
}

/// All ways to call the kernel that a processor of this kind has. Calls by any other are refused.
#[cfg(target_arch = "x86_64")]
const TABLES: [Table; 2] = [
    // Bit 30 selects x32, whose calls are the same ones.
    Table { arch: 0xC000_003E, number: !0x4000_0000, refused: [248, 249, 250] },
    // 32-bit programs, and the gate of theirs that others can use, too.
    Table { arch: 0x4000_0003, number: !0, refused: [286, 287, 288] },
];

#[cfg(target_arch = "aarch64")]
const TABLES: [Table; 2] = [
    Table { arch: 0xC000_00B7, number: !0, refused: [217, 218, 219] },
    // 32-bit programs.
    Table { arch: 0x4000_0028, number: !0, refused: [309, 310, 311] },
];

/// Where `seccomp_data` has the number of the call, and the way it was made.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;

/// Instructions for each table.
const BLOCK: usize = 7;

/// Puts the filter in place, for good. Takes `no_new_privs`.
pub(crate) fn shut() -> io::Result<()> {
    sys::install_filter(&mut filter())
}

/// The filter, as the kernel's classic BPF.
fn filter() -> Vec<sock_filter> {
    // The last instruction refuses.
    let refusal = 1 + TABLES.len() * BLOCK;
    let mut filter = vec![load(ARCH)];
    for Table { arch, number, refused } in TABLES {
        filter.push(jump(arch, 0, BLOCK - 1));
        filter.push(load(NUMBER));
        filter.push(instruction(BPF_ALU | BPF_AND | BPF_K, number));
        for call in refused {
            filter.push(jump(call, refusal - filter.len() - 1, 0));
        }
        filter.push(answer(SECCOMP_RET_ALLOW));
    }
    filter.push(answer(SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned()));
    filter
}

fn load(offset: u32) -> sock_filter {
    instruction(BPF_LD | BPF_W | BPF_ABS, offset)
}

fn answer(action: u32) -> sock_filter {
    instruction(BPF_RET | BPF_K, action)
}

/// Goes on after skipping `equal` instructions where the value is `k`, and after `different` where it is not.
fn jump(k: u32, equal: usize, different: usize) -> sock_filter {
    // A filter of two tables has 16 instructions.
    let [jt, jf] = [equal, different].map(|skipped| u8::try_from(skipped).unwrap_or(u8::MAX));
    sock_filter { jt, jf, ..instruction(BPF_JMP | BPF_JEQ | BPF_K, k) }
}

fn instruction(code: u32, k: u32) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap_or(u16::MAX), jt: 0, jf: 0, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would do for call `number`, made by way of `arch`.
    fn decide(filter: &[sock_filter], arch: u32, number: u32) -> u32 {
        let (mut value, mut at) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = filter[at];
            at += 1;
            match u32::from(code) {
                code if code == BPF_LD | BPF_W | BPF_ABS => value = if k == ARCH { arch } else { number },
                code if code == BPF_ALU | BPF_AND | BPF_K => value &= k,
                code if code == BPF_JMP | BPF_JEQ | BPF_K => at += usize::from(if value == k { jt } else { jf }),
                code if code == BPF_RET | BPF_K => return k,
                code => panic!("unknown instruction {code:#x}"),
            }
        }
    }

    const REFUSED: u32 = SECCOMP_RET_ERRNO | 1;

    #[test]
    fn exactly_the_calls_for_keys_are_refused_in_every_table() {
        let filter = filter();
        for Table { arch, refused, .. } in TABLES {
            for number in 0..1024 {
                let expected = if refused.contains(&number) { REFUSED } else { SECCOMP_RET_ALLOW };
                assert_eq!(decide(&filter, arch, number), expected, "{arch:#x} {number}");
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn x32_is_no_way_around() {
        let filter = filter();
        for number in 0..1024 {
            let native = decide(&filter, TABLES[0].arch, number);
            assert_eq!(decide(&filter, TABLES[0].arch, number | 0x4000_0000), native, "{number}");
        }
    }

    #[test]
    fn unknown_ways_to_call_the_kernel_are_refused() {
        assert_eq!(decide(&filter(), 0xC000_0016, 39), REFUSED);
    }

    #[test]
    fn the_numbers_are_those_of_this_processor() {
        let numbers = [libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl];
        assert_eq!(TABLES[0].refused.map(i64::from), numbers);
    }
}
