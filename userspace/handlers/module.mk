MODULES += handlers
handlers_DIR := userspace/handlers
handlers_DEPS := core telemetry http router
handlers_PKGS := zlib libbrotlienc libzstd
