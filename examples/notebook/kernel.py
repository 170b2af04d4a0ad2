"""Reads cells, one JSON text a line; runs them in one namespace; answers each with one JSON line."""
import ast, contextlib, io, json, sys, traceback

namespace = {"__name__": "__main__"}


def run(source):
    tree = ast.parse(source, "cell")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), namespace)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)
        if value is not None:
            print(repr(value))


answers, out = sys.stdout, io.StringIO()
for line in sys.stdin:
    error = None
    out.seek(0), out.truncate()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            run(json.loads(line))
        except BaseException:
            error = traceback.format_exc(limit=0).strip().splitlines()[-1]
    print(json.dumps({"output": out.getvalue(), "error": error}), file=answers, flush=True)
