MODULES += hzctl
hzctl_DIR := tools/hzctl
hzctl_DEPS := loader config telemetry core
hzctl_PKGS := jansson
hzctl_BIN := hzctl
