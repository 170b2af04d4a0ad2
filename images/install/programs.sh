
# The programs of packages become commands, except for those that are commands already.
shopt -s nullglob
for program in /node_modules/.bin/*; do
    command -v "${program##*/}" > /dev/null || ln -s "$program" /usr/local/bin/
done
