MODULES += middleware
middleware_DIR := userspace/middleware
middleware_DEPS := core telemetry http router
middleware_PKGS := libcrypto
