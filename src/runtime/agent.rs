//! The `pi` coding agent. Its "source text" is a prompt, which is passed as an argument and never written to a file.

use super::Runtime;

/// Its name in requests.
pub const NAME: &str = "agent";

/// What files of prompts would be called. No file is taken for one by its name.
pub const FILE_EXTENSION: &str = ".txt";

/// How a prompt is turned into a command, [`command`] says.
pub const AGENT: Runtime = Runtime { name: NAME, script_extension: FILE_EXTENSION, extensions: &[], interpreter: None };

/// What it is told about where it is, in addition to its own system prompt.
const SANDBOX_PROMPT: &str = "You are running inside an isol8 sandbox: a container with strict resource limits and \
controlled network access. Outbound traffic is limited to a whitelist of hosts. The filesystem is ephemeral: nothing \
that you write outlives this run, so hand over results in your answer or in the files that you were asked for. Some \
system calls are restricted. Do not assume open internet access, do not rely on state from earlier runs, and do not \
try to escape the sandbox or to work around its limits.";

/// The command that has it act on `prompt`. `flags` go to it as they are, split into words by the shell: they are the
/// caller's own, as the prompt need not be.
pub fn command(prompt: &str, flags: &str) -> Vec<String> {
    // It would take these for a flag and for the name of a file.
    let space = if prompt.starts_with(['-', '@']) { " " } else { "" };
    let (system_prompt, prompt) = (quote(SANDBOX_PROMPT), quote(&format!("{space}{prompt}")));
    let flags = if flags.is_empty() { String::new() } else { format!("{flags} ") };
    super::shell_command(&format!("pi --no-session --append-system-prompt {system_prompt} {flags}-p {prompt}"))
}

/// `text` as one word of a shell command line, whatever is in it.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn flags_stand_before_the_prompt_as_they_are() {
        let with = command("hi", "--model x --thinking high");
        let without = command("hi", "");
        assert_eq!(without[..2], ["bash", "-c"]);
        assert!(without[2].starts_with("pi --no-session --append-system-prompt 'You are running inside"));
        assert!(without[2].ends_with("limits.' -p 'hi'"), "{}", without[2]);
        assert!(with[2].ends_with("limits.' --model x --thinking high -p 'hi'"), "{}", with[2]);
    }

    #[test]
    fn a_prompt_is_no_flag_and_no_file() {
        for prompt in ["--extension=/sandbox/x.ts", "-v", "@/etc/passwd", "---"] {
            assert!(command(prompt, "")[2].ends_with(&format!(" -p ' {prompt}'")), "{prompt}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_other_prompt_arrives_as_it_is(prompt in "([^\\x00@-][^\\x00]*)?|(['\"$`\\\\\n !a-z]['\"$`\\\\\n !a-z-]{0,20})") {
            let [_, _, line] = command(&prompt, "").try_into().expect("three words");
            let line = line.replacen("pi ", "printf '%s\\0' ", 1);
            let output = Command::new("bash").args(["-c", &line]).output().expect("bash is there");
            let words: Vec<_> = output.stdout.split(|&byte| byte == 0).collect();
            prop_assert_eq!(words, [
                b"--no-session", b"--append-system-prompt".as_slice(), SANDBOX_PROMPT.as_bytes(),
                b"-p", prompt.as_bytes(), b"",
            ]);
        }
    }
}
