/** What the command line says about itself, word for word. */
import { expect, it } from 'vitest';
import { cli } from '../support/process.js';

it('prints its help without arguments, and with --help', async () => {
  const bare = await cli([]).ended;
  expect(bare).toMatchObject({ code: 0, stderr: '' });
  expect(bare.stdout).toMatchInlineSnapshot(`
    "Usage: isol8 [options] [command]

    Run untrusted code in locked-down containers

    Options:
      -V, --version                  print the version
      --debug                        say what is being done
      -h, --help                     show help

    Commands:
      run [options] [file]           Run a file, code, a command line or standard
                                     input in a sandbox
      setup [options]                Check Docker and build the images that are
                                     missing or out of date
      build [options] [packages...]  Build an image with packages, or with a setup
                                     script, on top of that of a runtime
      list-custom [options]          List the images that were built with packages
                                     or setup scripts
      serve [options]                Run code for others, over HTTP
      login [options]                Get a key of your own from a server, and keep
                                     it for later commands
      logout [options]               Forget the key of the last login
      session                        List and stop the sessions of a server
      config [options]               Show the configuration and where it comes from
      cleanup [options]              Remove containers, and if asked to images, that
                                     isol8 left behind
      completion [options] <shell>   Print a script that completes commands and
                                     flags in a shell
      help [command...]              Show the help of a command
    "
  `);
  expect(await cli(['--help']).ended).toEqual(bare);
  expect(await cli(['help']).ended).toEqual(bare);
});

it('prints the help of run', async () => {
  const { code, stdout, stderr } = await cli(['run', '--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: isol8 run [options] [file]

    Run a file, code, a command line or standard input in a sandbox

    Arguments:
      file                       script to run

    Program:
      -e, --eval <code>          run this code (python unless --runtime says
                                 otherwise; agent: a prompt)
      --cmd <command>            run a bash command line
      --url <url>                run the code at a URL, if remoteCode of the
                                 configuration allows it
      --github <path>            run a file on GitHub: owner/repo/ref/path/to/file
      --gist <path>              run a file of a gist: gistId/file.ext
      --hash <sha256>            hash that the fetched code has to have
      --allow-insecure-code-url  let --url be one of http, if the configuration
                                 does, too
      -r, --runtime <name>       python, node, bun, deno, bash or agent (default:
                                 from the file extension)
      --stdin <text>             standard input of the program
      --workdir <path>           working directory, inside /sandbox (default:
                                 /sandbox)
      --files <dir>              put the files of a directory into /sandbox first
      --install <package>        install a package first; alone, it lets registries
                                 through (repeatable)
      --setup <command|file>     bash to run first: a command, or a file with
                                 commands (repeatable)
      --secret <KEY=VALUE>       environment variable that is masked in the output
                                 (repeatable)
      --agent-flags <flags>      more flags for pi, with --runtime agent
      --image <ref>              image to use instead of the runtime's own

    Network:
      --net <mode>               network access (default: none) (choices: "none",
                                 "host", "filtered")
      --allow <regex>            let programs reach hosts that match, with --net
                                 filtered (repeatable)
      --deny <regex>             keep programs from hosts that match, whatever is
                                 allowed (repeatable)
      --log-network              print what the program asked of the network, with
                                 --net filtered

    Limits:
      --timeout <ms>             time limit in milliseconds (default: 30000)
      --memory <size>            memory, such as 512m or 1g (default: 512m)
      --cpu <cores>              processor cores, such as 0.5 (default: 1)
      --pids-limit <n>           number of processes (default: 64; agent: 200)
      --max-output <bytes>       bytes of output kept per stream (default: 1048576)
      --sandbox-size <size>      size of /sandbox (default: 512m; agent: 2g)
      --tmp-size <size>          size of /tmp (default: 256m)

    State:
      --persistent               run in a persistent container, removed at the end
      --session-id <id>          run in a named session of a server (needs --host)
      --persist                  leave the container running afterwards

    Server:
      --host <url>               run on a server instead of this machine, such as
                                 http://localhost:3000
      --key <key>                key for the server (others can see it in listings
                                 of processes; default: ISOL8_API_KEY)
      --key-file <file>          read the key from a file

    Output:
      --no-stream                show all output at the end
      --out <file>               also write the program's standard output to a file
      --debug                    say what is being done

    Options:
      -h, --help                 show help
    "
  `);
});

it('prints the help of setup', async () => {
  const { code, stdout, stderr } = await cli(['setup', '--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: isol8 setup [options]

    Check Docker and build the images that are missing or out of date

    Options:
      --force              build even what is up to date
      --only <runtimes>    just these runtimes, such as python,node
      --python <packages>  also build an image with these packages for python
      --node <packages>    also build an image with these packages for node
      --bun <packages>     also build an image with these packages for bun
      --deno <packages>    also build an image with these packages for deno
      --bash <packages>    also build an image with these packages for bash
      --agent <packages>   also build an image with these packages for agent
      --debug              say what is being done
      -h, --help           show help
    "
  `);
});

it('prints the help of build', async () => {
  const { code, stdout, stderr } = await cli(['build', '--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: isol8 build [options] [packages...]

    Build an image with packages, or with a setup script, on top of that of a
    runtime

    Arguments:
      packages                more packages to install

    Options:
      --base <runtime>        python, node, bun, deno, bash or agent
      --tag <name>            name of the image
      --install <package>     install a package, or several, separated by commas
                              (repeatable)
      --setup <command|file>  bash to run before every execution: a command, or a
                              file with commands (repeatable)
      --force                 build even if the image is up to date
      --debug                 say what is being done
      -h, --help              show help
    "
  `);
});

it('prints the help of list-custom', async () => {
  const { code, stdout, stderr } = await cli(['list-custom', '--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: isol8 list-custom [options]

    List the images that were built with packages or setup scripts

    Options:
      --debug     say what is being done
      -h, --help  show help
    "
  `);
});

it('prints the help of login', async () => {
  const { code, stdout, stderr } = await cli(['login', '--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: isol8 login [options]

    Get a key of your own from a server, and keep it for later commands

    Options:
      --host <url>       the server, such as http://localhost:3000
      --key <key>        its master key (others can see it in listings of processes;
                         default: ISOL8_API_KEY)
      --key-file <file>  read the master key from a file
      --name <name>      what the server calls the new key (default:
                         cli-login-<time>)
      --ttl <ms>         milliseconds for which it is valid (default: the server
                         says)
      --debug            say what is being done
      -h, --help         show help
    "
  `);
});

it('prints the help of logout', async () => {
  const { code, stdout, stderr } = await cli(['logout', '--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: isol8 logout [options]

    Forget the key of the last login

    Options:
      --debug     say what is being done
      -h, --help  show help
    "
  `);
});

it('prints the help of config', async () => {
  const { code, stdout, stderr } = await cli(['config', '--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: isol8 config [options]

    Show the configuration and where it comes from

    Options:
      --json      as JSON, complete (passwords too)
      --debug     say what is being done
      -h, --help  show help
    "
  `);
});

it('prints the help of cleanup', async () => {
  const { code, stdout, stderr } = await cli(['cleanup', '--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: isol8 cleanup [options]

    Remove containers, and if asked to images, that isol8 left behind

    Options:
      --force     do not ask
      --images    remove isol8's images as well
      --debug     say what is being done
      -h, --help  show help
    "
  `);
});

it('prints the help of completion', async () => {
  const { code, stdout, stderr } = await cli(['completion', '--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: isol8 completion [options] <shell>

    Print a script that completes commands and flags in a shell

    Arguments:
      shell       which shell (choices: "bash", "zsh", "fish")

    Options:
      --debug     say what is being done
      -h, --help  show help

    To have completions in every new shell:
      bash  echo 'source <(isol8 completion bash)' >> ~/.bashrc
      zsh   echo 'source <(isol8 completion zsh)' >> ~/.zshrc
      fish  isol8 completion fish > ~/.config/fish/completions/isol8.fish
    "
  `);
});

it('prints the help of help', async () => {
  const { code, stdout, stderr } = await cli(['help', '--help']).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatchInlineSnapshot(`
    "Usage: isol8 help [options] [command...]

    Show the help of a command

    Arguments:
      command     its name; all commands are listed without

    Options:
      -h, --help  show help
    "
  `);
});

it.each(['run', 'setup', 'build', 'list-custom', 'login', 'logout', 'config', 'cleanup', 'completion', 'help'])(
  'prints the help of %s in every way it is asked for',
  async (command) => {
    const asked = await cli(['help', command]).ended;
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    expect(await cli([command, '--help']).ended).toEqual(asked);
    expect(await cli([command, '-h']).ended).toEqual(asked);
  },
);

it.each(['--version', '-V'])('prints its version with %s', async (flag) => {
  const { code, stdout, stderr } = await cli([flag]).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?\n$/);
});

it('needs no addon for any of this', async () => {
  const { code, stderr } = await cli(['run', '--help'], { env: { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere.node' } })
    .ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

it.each([
  [['frobnicate'], "error: unknown command 'frobnicate'"],
  [['help', 'frobnicate'], "error: unknown command 'frobnicate'"],
  [['help', 'run', 'frobnicate'], "error: unknown command 'frobnicate'"],
  [['--frobnicate'], "error: unknown option '--frobnicate'"],
  [['run', '--frobnicate'], "error: unknown option '--frobnicate'"],
  [['cleanup', '--frobnicate'], "error: unknown option '--frobnicate'"],
  [['cleanup', '--force=yes'], "error: unknown option '--force=yes'"],
  [['cleanup', '0123456789ab'], "error: too many arguments for 'cleanup'"],
  [['build', '--base', 'python', '--install', 'six'], "error: required option '--tag <name>' not specified"],
  [['build', '--tag', 'x', '--install', 'six'], "error: required option '--base <runtime>' not specified"],
  [['list-custom', 'x'], "error: too many arguments for 'list-custom'"],
  [['login', '--key', 'x'], "error: required option '--host <url>' not specified"],
  [['logout', 'x'], "error: too many arguments for 'logout'"],
  [['setup', 'python'], "error: too many arguments for 'setup'"],
  [['setup', '--only'], "error: option '--only <runtimes>' argument missing"],
  [['run', 'a.py', 'b.py'], "error: too many arguments for 'run'"],
  [['run', '--timeout'], "error: option '--timeout <ms>' argument missing"],
  [['run', '-e', '1', '--net', 'some'], "error: option '--net <mode>' argument 'some' is invalid"],
])('refuses %j', async (args, message) => {
  const { code, stdout, stderr } = await cli(args).ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(message);
  expect(stderr.startsWith('error:')).toBe(true);
});
