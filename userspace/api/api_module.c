#include "api/api_module.h"
#include "api/api_priv.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct hz_api_module {
	char *file; /* owned */
	int fd;     /* of object: below */
	void *object;
	struct hz_api *api;
	uint32_t owner;       /* in api */
	struct hz_module def; /* as this version knows it */
};

struct hz_api_modules {
	struct hz_api *api;
	uint32_t count;
	struct hz_api_module *module[HZ_LIMIT_modules_max]; /* owned */
};

struct hz_api_modules *hz_api_modules_open(struct hz_api *api)
{
	struct hz_api_modules *modules = calloc(1, sizeof(*modules));

	if (modules != NULL)
		modules->api = api;
	return modules;
}

/* Objects have the names of their descriptors, and the loader takes one of a name it knows for that one: so a
 * descriptor stays open, and its number nobody else's, for as long as the loader knows it. */
static void object_name(int fd, char name[32])
{
	snprintf(name, 32, "/proc/self/fd/%d", fd);
}

/* The object stays where somebody else has it too, or where it may not be unloaded. Accepts NULL with -1. */
static void object_close(void *object, int fd)
{
	char name[32];
	void *rest;

	if (object != NULL) {
		object_name(fd, name);
		dlclose(object);
		rest = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
		if (rest != NULL) {
			dlclose(rest);
			return;
		}
	}
	if (fd != -1)
		close(fd);
}

static void module_close(struct hz_api_module *module)
{
	object_close(module->object, module->fd);
	free(module->file);
	free(module);
}

void hz_api_modules_close(struct hz_api_modules *modules)
{
	if (modules == NULL)
		return;
	for (uint32_t i = 0; i < modules->count; i++)
		module_close(modules->module[i]);
	free(modules);
}

const struct hz_api_module *hz_api_modules_find(const struct hz_api_modules *modules,
                                                const char *file)
{
	for (uint32_t i = 0; i < modules->count; i++)
		if (strcmp(modules->module[i]->file, file) == 0)
			return modules->module[i];
	return NULL;
}

/* Whoever may write it runs code as us. Checked on the open descriptor, which is what is loaded. */
static const char *file_problem(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "it belongs to another user, neither root nor this one";
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others than its owner may write it";
	return NULL;
}

static int refuse(const char *file, int status, const char *why, struct hz_err *err)
{
	char hint[sizeof(err->hint)];

	snprintf(hint, sizeof(hint), "ls -l %.200s", file);
	return hz_err_set(err, status, 2, "bad_module", hint, "module %s: %s", file, why);
}

static int object_open(struct hz_api_module *module, struct hz_err *err)
{
	const char *file = module->file, *problem;
	char name[32];

	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	module->fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (module->fd == -1)
		return refuse(file, -errno, errno == ELOOP ? "a symbolic link" : strerror(errno),
		              err);
	problem = file_problem(module->fd);
	if (problem != NULL)
		return refuse(file, -EINVAL, problem, err);
	object_name(module->fd, name);
	module->object = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (module->object == NULL)
		return refuse(file, -EINVAL, dlerror(), err);
	return 0;
}

static int def_read(struct hz_api_module *module, struct hz_err *err)
{
	const struct hz_module *def = dlsym(module->object, HZ_MODULE_SYMBOL);

	if (def == NULL)
		return refuse(module->file, -EINVAL, "it defines no " HZ_MODULE_SYMBOL, err);
	if (hz_api_struct_copy(&module->def, sizeof(module->def), def) != 0)
		return refuse(module->file, -EINVAL, "it is of a newer version of hz", err);
	if (module->def.api_version == 0 || module->def.api_version > HZ_API_VERSION)
		return refuse(module->file, -EINVAL, "it is of another version of hz", err);
	if (module->def.handler == NULL)
		return refuse(module->file, -EINVAL, HZ_MODULE_SYMBOL " has no handler", err);
	return 0;
}

static int worker_begin(struct hz_loop *loop, void *ctx, void **loop_ctx)
{
	const struct hz_api_module *module = ctx;

	return module->def.worker_begin != NULL ? module->def.worker_begin(loop, loop_ctx) : 0;
}

static void worker_end(struct hz_loop *loop, void *ctx, void *loop_ctx)
{
	const struct hz_api_module *module = ctx;

	if (module->def.worker_end != NULL)
		module->def.worker_end(loop, loop_ctx);
}

/* Without an api there are no workers either. */
static int owner_add(struct hz_api_module *module, struct hz_err *err)
{
	const struct hz_api_owner owner = {
		.name = module->def.name != NULL ? module->def.name : module->file,
		.begin = worker_begin,
		.end = worker_end,
		.ctx = module,
	};
	int index = module->api != NULL ? hz_api_owner_add(module->api, &owner) : 0;

	if (index < 0)
		return refuse(module->file, index, "too many modules", err);
	module->owner = (uint32_t)index;
	return 0;
}

int hz_api_modules_load(struct hz_api_modules *modules, const char *file, struct hz_err *err)
{
	struct hz_api_module *module;
	int status;

	if (hz_api_modules_find(modules, file) != NULL)
		return 0;
	if (modules->count == HZ_LIMIT_modules_max)
		return refuse(file, -E2BIG, "too many modules", err);
	module = calloc(1, sizeof(*module));
	if (module != NULL)
		module->file = strdup(file);
	if (module == NULL || module->file == NULL) {
		free(module);
		return hz_err_set(err, -ENOMEM, 5, "memory", "", "Cannot allocate memory");
	}
	module->fd = -1;
	module->api = modules->api;
	status = object_open(module, err);
	if (status == 0)
		status = def_read(module, err);
	if (status == 0)
		status = owner_add(module, err);
	if (status != 0) {
		module_close(module);
		return status;
	}
	modules->module[modules->count++] = module;
	return 0;
}

int hz_api_module_build(const struct hz_api_module *module, const char *name, const char *config,
                        struct hz_handler *out, char *why, size_t why_bytes)
{
	struct hz_api_route route = {
		.api = module->api,
		.owner = module->owner,
		.name = name,
		.handler = module->def.handler,
		.body = module->def.body,
		.close = module->def.close,
	};
	int status = 0;

	why[0] = '\0';
	if (module->def.open != NULL)
		status = module->def.open(config, &route.ctx, why, why_bytes);
	why[why_bytes - 1] = '\0';
	if (status < 0) {
		if (why[0] == '\0')
			snprintf(why, why_bytes, "%s", strerror(-status));
		return status;
	}
	status = hz_api_handler_build(&route, out);
	if (status != 0) {
		snprintf(why, why_bytes, "%s", strerror(-status));
		if (route.close != NULL)
			route.close(route.ctx);
	}
	return status;
}
