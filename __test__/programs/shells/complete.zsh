# Prints what zsh would offer: complete.zsh SCRIPT LINE, where SCRIPT holds the completions and the cursor is at the end
# of LINE. Completion in zsh needs its line editor and that a terminal, so another zsh runs in one.

zmodload zsh/zpty
zpty inner zsh -f -i

zpty -w inner "autoload -Uz compinit && compinit -D -u && source ${(q)1}"
zpty -w inner '
typeset -ga found
# Adds matches as ever, and notes those that are not merely put into an array for the caller.
compadd() {
  if (( ${argv[(I)-[OAD]]} == 0 )); then
    local -a matches
    builtin compadd -A matches "$@"
    found+=($matches)
  fi
  builtin compadd "$@"
}
offer() { found=(); _main_complete; print -r -- "OFFE""RED<${(j:|:)found}>" }
zle -C offer list-choices offer
# No key that means something to a terminal without a line editor: it may be read before there is one.
bindkey "^X" offer
'
zpty -w -n inner "$2"$'\x18'
zpty -r -m inner screen '*OFFERED<*>*'
zpty -d inner
print -l -- ${(s:|:)${${screen##*OFFERED<}%%>*}}
