#!/bin/sh
# Puts the environment into alertmanager.yml and its templates, then runs what it is given, if anything:
#   render.sh SOURCE_DIR TARGET_DIR [COMMAND…]
# ${NAME} becomes the value of NAME, or the content of the file NAME_FILE names. A name that is neither stops the start.
# A receiver's `…_configs` that a value of `unset` stands in is left out.
# Alertmanager itself reads no environment, and its *_file keys do not cover every receiver.
set -eu
source=$1 target=$2
shift 2
mkdir -p "$target/templates"
umask 077  # the result holds secrets

render() {
  awk '
    function value(name,   file, text, line, got) {
      if (name in ENVIRON) text = ENVIRON[name]
      else if ((name "_FILE") in ENVIRON) {
        file = ENVIRON[name "_FILE"]
        while ((got = (getline line < file)) > 0) text = text (text == "" ? "" : "\n") line
        if (got < 0) fail(name "_FILE names a file that cannot be read: " file)
        close(file)
      } else fail(name " is not set, nor is " name "_FILE")
      if (text ~ /[\n\r]/) fail(name " has more than one line")
      if (text == "unset") unset = 1
      return quoted(text)
    }
    # For a YAML string in double quotes. Not gsub(): awks disagree on backslashes there.
    function quoted(text,   i, c, out) {
      for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        out = out (c == "\\" || c == "\"" ? "\\" : "") c
      }
      return out
    }
    # Lines of a block are held back until it is over.
    function say(line) { if (inside) block = block line "\n"; else print line }
    function over() { if (!unset) printf "%s", block; block = ""; unset = inside = 0 }
    function fail(why) { print "render.sh: " why > "/dev/stderr"; failed = 1; exit 1 }
    !/^     / { over(); inside = $0 ~ /^    [a-z]+_configs:/ }
    /^[ \t]*#/ { say($0); next }
    {
      out = ""
      while (match($0, /\$\{[A-Z][A-Z0-9_]*\}/)) {
        out = out substr($0, 1, RSTART - 1) value(substr($0, RSTART + 2, RLENGTH - 3))
        $0 = substr($0, RSTART + RLENGTH)
      }
      say(out $0)
    }
    END { over(); exit failed }
  ' "$1" > "$2"
}

render "$source/alertmanager.yml" "$target/alertmanager.yml"
for template in "$source"/templates/*.tmpl; do
  render "$template" "$target/templates/${template##*/}"
done
[ $# -eq 0 ] || exec "$@"
