# Into the system's own directories, which every user's Python looks at.

export HOME=/tmp/home TMPDIR=/tmp/home
mkdir "$HOME"
pip install --break-system-packages --root-user-action=ignore --no-cache-dir --disable-pip-version-check \
    --no-input --progress-bar=off -- "$@"
rm -rf "$HOME"
