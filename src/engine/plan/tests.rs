use proptest::prelude::*;

use super::*;
use crate::api::{Adapter, NetworkFilterConfig, Options, Secret};

fn plan(request: Request) -> Result<Plan, PlanError> {
    Plan::new(&Settings::try_from(Options::default()).expect("valid"), request)
}

fn python(code: &str) -> Request {
    Request { runtime: "python".into(), code: Some(code.into()), ..Request::default() }
}

#[test]
fn code_becomes_a_script_in_the_sandbox() {
    let plan = plan(python(" print(1)\n")).expect("valid");
    assert_eq!(plan.argv, ["python3", "/sandbox/main.py"]);
    assert_eq!(plan.files, [("/sandbox/main.py".to_owned(), 0o644, Bytes::from(" print(1)\n"))]);
    assert_eq!(plan.timeout_ms, 30_000);
    assert_eq!(plan.workdir, "/sandbox");
}

#[test]
fn a_command_line_is_run_by_bash_whatever_the_runtime() {
    for runtime in runtime::ALL {
        let request = Request { runtime: runtime.name.into(), cmd: Some("exit 3".into()), ..Request::default() };
        let host = Options { network: Some(NetworkMode::Host), ..Options::default() };
        let plan = Plan::new(&Settings::try_from(host).expect("valid"), request).expect("valid");
        assert_eq!(plan.argv, ["bash", "-c", "exit 3"]);
        assert_eq!(plan.files, []);
    }
}

fn ruby(path: &str, command: &[&str]) -> Request {
    let command = command.iter().map(|&word| word.to_owned()).collect();
    let script = Some(Script { path: path.into(), command });
    Request {
        runtime: "ruby".into(),
        code: Some("puts 1".into()),
        adapter: Some(Adapter { image: "ruby:slim".into(), script }),
        ..Request::default()
    }
}

#[test]
fn a_runtime_of_the_callers_is_run_as_its_adapter_says() {
    let path = script_path(Mode::Ephemeral, ".rb".into()).expect("valid");
    let plan = plan(ruby(&path, &["ruby", &path])).expect("valid");
    assert_eq!((plan.runtime.name(), plan.runtime.image().as_str()), ("ruby", "ruby:slim"));
    assert_eq!(plan.argv, ["ruby", "/sandbox/main.rb"]);
    assert_eq!(plan.files, [("/sandbox/main.rb".to_owned(), 0o644, Bytes::from("puts 1"))]);
}

#[test]
fn a_command_line_needs_nothing_of_an_adapter_but_its_image() {
    let adapter = Some(Adapter { image: "ruby:slim".into(), script: None });
    let request = Request { code: None, cmd: Some("ls".into()), adapter, ..ruby("", &[]) };
    assert_eq!(plan(request).expect("valid").argv, ["bash", "-c", "ls"]);
}

#[test]
fn what_an_adapter_says_is_checked_like_anything_else() {
    for command in [&[][..], &[""], &["ruby", "a\0b"]] {
        assert_eq!(plan(ruby("/sandbox/main.rb", command)), Err(PlanError::Command("ruby".into())));
    }
    for path in ["/etc/passwd", "/sandbox/../etc/passwd"] {
        assert_eq!(plan(ruby(path, &["ruby"])), Err(PlanError::FileOutside(path.into())));
    }
    let no_script = Some(Adapter { image: "ruby:slim".into(), script: None });
    assert_eq!(plan(Request { adapter: no_script, ..ruby("", &[]) }), Err(PlanError::Command("ruby".into())));
}

#[test]
fn exactly_one_source_is_needed_and_blank_ones_do_not_count() {
    let both = Request { cmd: Some("ls".into()), ..python("1") };
    assert_eq!(plan(both), Err(PlanError::TwoSources));
    assert_eq!(plan(python(" \n")), Err(PlanError::NoSource));
    let one = Request { cmd: Some("ls".into()), ..python("  ") };
    assert_eq!(plan(one).expect("blank code is absent").argv[2], "ls");
}

#[test]
fn code_at_a_url_is_a_source_like_the_others() {
    let at_url = |request: Request| Request { code_url: Some("https://example.com/a.py".into()), ..request };
    let nothing = || Request { runtime: "python".into(), ..Request::default() };
    assert_eq!(sources(&at_url(nothing())), [false, true, false]);
    for two in [at_url(python("1")), at_url(Request { cmd: Some("ls".into()), ..nothing() })] {
        assert_eq!(plan(two), Err(PlanError::TwoSources));
    }
    let blank = Request { code_url: Some("\t".into()), ..python("1") };
    assert!(plan(blank).is_ok());
}

#[test]
fn a_hash_of_code_that_is_not_fetched_is_refused() {
    for hash in ["", "00"] {
        let hashed = Request { code_hash: Some(hash.into()), ..python("1") };
        assert_eq!(plan(hashed), Err(PlanError::HashOfNothing));
    }
}

#[test]
fn the_source_is_checked_before_the_runtime() {
    let request = Request { runtime: "ruby".into(), ..Request::default() };
    assert_eq!(plan(request), Err(PlanError::NoSource));
}

#[test]
fn working_directories_stay_in_the_sandbox() {
    for (given, resolved) in
        [("sub", "/sandbox/sub"), (".", "/sandbox"), ("/sandbox/a/../b", "/sandbox/b"), ("a//b/", "/sandbox/a/b")]
    {
        let request = Request { workdir: Some(given.into()), ..python("1") };
        assert_eq!(plan(request).expect(given).workdir, resolved);
    }
    for given in ["/", "/etc", "../../etc", "/sandboxed", "..", "", "a\0b"] {
        let request = Request { workdir: Some(given.into()), ..python("1") };
        assert_eq!(plan(request), Err(PlanError::Workdir), "{given}");
    }
}

#[test]
fn files_go_where_user_code_could_write() {
    let with = |path: &str| Request { files: [(path.to_owned(), InputFile::default())].into(), ..python("1") };
    for (given, resolved) in [("a/b.txt", "/sandbox/a/b.txt"), ("/tmp/x", "/tmp/x"), ("./x", "/sandbox/x")] {
        assert_eq!(plan(with(given)).expect(given).files[0].0, resolved);
    }
    for given in ["/etc/passwd", "../etc/passwd", "/tmpfile", "/sandbox/../x"] {
        assert_eq!(plan(with(given)), Err(PlanError::FileOutside(given.into())));
    }
    for given in ["", "/", "dir/", "/sandbox", ".", "a\0"] {
        assert_eq!(plan(with(given)), Err(PlanError::Path(given.into())));
    }
}

#[test]
fn files_are_plain_unless_they_are_to_be_run() {
    for (executable, mode) in [(false, 0o644), (true, 0o755)] {
        let file = InputFile { executable, ..InputFile::default() };
        let request = Request { files: [("x".to_owned(), file)].into(), ..python("1") };
        assert_eq!(plan(request).expect("valid").files[0].1, mode);
    }
}

#[test]
fn request_environment_wins_over_the_base() {
    let request = Request { env: [("HOME".into(), "/tmp".into()), ("X".into(), "=".into())].into(), ..python("1") };
    let env = plan(request).expect("valid").env;
    assert_eq!((env["HOME"].as_str(), env["X"].as_str(), env["PYTHONUNBUFFERED"].as_str()), ("/tmp", "=", "1"));
    for name in ["", "A=B", "A\0"] {
        let request = Request { env: [(name.into(), String::new())].into(), ..python("1") };
        assert_eq!(plan(request), Err(PlanError::EnvName(name.into())));
    }
}

#[test]
fn an_extension_cannot_leave_the_sandbox() {
    let with = |extension: &str| Request { file_extension: Some(extension.into()), ..python("1") };
    assert_eq!(plan(with(".cjs")).expect("valid").argv[1], "/sandbox/main.cjs");
    for extension in ["cjs", ".", "./../../tmp/x", ".a b", ".a.b", ""] {
        assert_eq!(plan(with(extension)), Err(PlanError::Extension(extension.into())));
    }
}

#[test]
fn what_no_program_could_receive_is_refused() {
    let cmd = Request { cmd: Some("x".repeat(MAX_WORD + 1)), code: None, ..python("") };
    assert!(matches!(plan(cmd), Err(PlanError::TooLong { what: "cmd", .. })));
    let variables = (0..100).map(|n| (format!("V{n}"), "x".repeat(MAX_WORD / 2)));
    let env = Request { env: variables.collect(), ..python("1") };
    assert!(matches!(plan(env), Err(PlanError::TooLong { what: "the environment", .. })));
    let paths = Request { output_paths: Some(vec!["/x".repeat(1000); 2000]), ..python("1") };
    assert!(matches!(plan(paths), Err(PlanError::TooLong { what: "outputPaths", .. })));
}

#[test]
fn output_files_are_read_once_however_they_are_spelt() {
    let asked = ["/sandbox/a", "/sandbox/./a", "//sandbox//b/../a", "/tmp/b", "/sandbox/a"];
    let request = Request { output_paths: Some(asked.map(str::to_owned).into()), ..python("1") };
    let files = plan(request).expect("valid").output_files.expect("asked for");
    let files: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.path.as_str())).collect();
    assert_eq!(files, [("/sandbox/a", "/sandbox/a"), ("/tmp/b", "/tmp/b")]);

    let many = (0..=MAX_OUTPUT_PATHS).map(|n| format!("/sandbox/{n}")).collect();
    let error = plan(Request { output_paths: Some(many), ..python("1") }).expect_err("too many");
    assert_eq!(error.to_string(), "too many outputPaths: 20001, at most 20000");
}

#[test]
fn what_is_logged_of_a_plan_has_no_value_of_its_environment() {
    let secrets = [("API_KEY".to_owned(), Secret::new("hunter2".into()))].into();
    let settings = Settings::try_from(Options { secrets, ..Options::default() }).expect("valid");
    let shown = format!("{:?}", Plan::new(&settings, python("1")).expect("valid"));
    assert!(shown.contains("API_KEY") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_path_has_one_content() {
    for paths in [["a", "./a"], ["main.py", "b"]] {
        let files = paths.map(|path| (path.to_owned(), InputFile::default())).into();
        assert!(matches!(plan(Request { files, ..python("1") }), Err(PlanError::SameFile(_))));
    }
}

#[test]
fn time_limits_are_whole_positive_and_finite() {
    for timeout in [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY, 1e12] {
        let request = Request { timeout_ms: Some(timeout), ..python("1") };
        assert!(matches!(plan(request), Err(PlanError::Number(_))), "{timeout}");
    }
}

proptest! {
    #[test]
    fn no_path_escapes(path in r"[a./\\ \x00]{0,24}") {
        let request = Request {
            workdir: Some(path.clone()),
            files: [(path, InputFile::default())].into(),
            ..python("1")
        };
        if let Ok(plan) = plan(request) {
            prop_assert!(is_inside(&plan.workdir, "/sandbox"));
            for (path, _, _) in plan.files {
                prop_assert!(is_inside(&path, "/sandbox") || is_inside(&path, "/tmp"));
                prop_assert!(!path.split('/').any(|part| part == ".." || part == "."));
            }
        }
    }
}

#[test]
fn programs_are_told_of_the_port_that_the_guest_listens_on() {
    assert_eq!(PROXY_URL, format!("http://127.0.0.1:{}", isol8_protocol::PROXY_PORT));
}

fn agent(options: Options, request: Request) -> Result<Plan, PlanError> {
    let request = Request { runtime: "agent".into(), ..request };
    Plan::new(&Settings::try_from(options).expect("valid"), request)
}

fn on(network: NetworkMode, whitelist: &[&str]) -> Options {
    let whitelist = whitelist.iter().map(|&pattern| pattern.to_owned()).collect();
    let network_filter = Some(NetworkFilterConfig { whitelist, ..NetworkFilterConfig::default() });
    Options { network: Some(network), network_filter, ..Options::default() }
}

#[test]
fn the_agent_needs_a_way_to_its_provider_before_anything_else() {
    for request in [
        Request { code: Some("hi".into()), ..Request::default() },
        Request { cmd: Some("pi --version".into()), ..Request::default() },
        // Wrong in other ways as well.
        Request { workdir: Some("/etc".into()), ..Request::default() },
    ] {
        assert_eq!(agent(Options::default(), request.clone()), Err(PlanError::AgentNetwork));
        assert_eq!(agent(on(NetworkMode::None, &["x"]), request.clone()), Err(PlanError::AgentNetwork));
        assert_eq!(agent(on(NetworkMode::Filtered, &[]), request), Err(PlanError::AgentWhitelist));
    }
    for options in [on(NetworkMode::Filtered, &["x"]), on(NetworkMode::Host, &[])] {
        agent(options, Request { cmd: Some("pi".into()), ..Request::default() }).expect("valid");
    }
}

#[test]
fn a_prompt_is_an_argument_and_no_file() {
    let request = |code: &str, flags: &str| Request {
        code: Some(code.into()),
        agent_flags: Some(flags.into()),
        file_extension: Some("no extension".into()),
        ..Request::default()
    };
    let host = || on(NetworkMode::Host, &[]);
    let plan = agent(host(), request(" it's $HOME\n", " --model a/b ")).expect("valid");
    assert_eq!(plan.argv, runtime::agent::command(" it's $HOME\n", "--model a/b"));
    assert_eq!((plan.files, plan.temporary_script, plan.source), (vec![], None, Bytes::from(" it's $HOME\n")));
    assert_eq!(agent(host(), request("a\0b", "")), Err(PlanError::Nul("code")));
    assert_eq!(agent(host(), request("a", "\0")), Err(PlanError::Nul("agentFlags")));
    let long = agent(host(), request(&"a".repeat(MAX_WORD), "")).expect_err("longer than Linux takes").to_string();
    assert!(long.starts_with("the prompt is too long: "), "{long}");
}

#[test]
fn what_is_there_is_not_installed() {
    let request = Request { install_packages: vec!["six".into(), "numpy".into()], ..python("1") };
    let needed = plan(request).expect("valid").needed.expect("packages");
    assert_eq!(needed.packages.label(), "numpy,six");
    let python = runtime::get("python").expect("one of ours");
    let present = |names: &[&str]| crate::image::Packages::new(python, names).expect("valid");
    let argv = needed.installation(&present(&["numpy", "scipy"])).expect("one is missing").argv;
    assert_eq!(argv.last().map(String::as_str), Some("six"));
    assert!(!argv.contains(&"numpy".to_owned()));
    assert_eq!(needed.installation(&present(&["six", "scipy", "numpy"])), None);
}
