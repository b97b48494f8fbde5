#!/bin/sh
# runc without capabilities that the machine's root does not have: they are taken out of the container's and of exec's process.
file=
previous=
for word in "$@"; do
  case $previous in
    --bundle|-b) file=$word/config.json ;;
    --process|-p) file=$word ;;
  esac
  previous=$word
done
if [ -n "$file" ] && [ -e "$file" ]; then
  for cap in @LACKING@; do sed -i "s/,\"$cap\"//g; s/\"$cap\",//g" "$file"; done
fi
exec runc "$@"
