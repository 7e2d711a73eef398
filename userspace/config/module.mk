MODULES += config
config_DIR := userspace/config
config_DEPS := core
config_PKGS := yaml-0.1
