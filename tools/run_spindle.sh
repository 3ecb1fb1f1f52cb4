#!/bin/sh
# What `make run` does once the environment stands: score LATENTIA_RECORDING, or a simulated recording without one.
# Names arrive through the environment, never through the command line of a shell, so that spaces survive.
set -eu
set -f # a channel called EEG* is a name, not a pattern

recording=${LATENTIA_RECORDING:-}
out=${LATENTIA_OUT:-out}
mkdir -p -- "$out"

if [ -z "$recording" ]; then
    recording=$out/demo.edf
    echo "No RECORDING was named: simulating 4 hours of a mouse."
    spindle simulate --out "$recording" --hours 4 --seed 1
fi

set -- score "$recording" --out "$out"
case ${LATENTIA_EEG:-} in
*,*) IFS=, ;; # names that hold spaces
*) IFS=' ' ;;
esac
for name in ${LATENTIA_EEG:-}; do
    name=${name# } # "EEG 1, EEG 2"
    set -- "$@" --eeg "$name"
done
if [ -n "${LATENTIA_EMG:-}" ]; then
    set -- "$@" --emg "$LATENTIA_EMG"
fi
unset IFS
exec spindle "$@"
