/* hzctl xdp explain: what the attached program would do with a packet, without sending it. */
#include "commands.h"
#include "core/endpoint.h"
#include "frame_text.h"
#include "loader/xdp_explain.h"
#include "pcap_read.h"
#include "probe_frame.h"
#include "telemetry/names.h"
#include "xdp_json.h"
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX   (64u << 20)
#define FRAMES_MAX 100000u

struct explain_args {
	bool is_pcap;
	const char *path;
	const char *ifname; /* NULL: the one that is attached */
	struct hz_probe probe;
};

static int endpoint_take(struct hz_words *words, const char *name, bool has_port,
                         struct hz_endpoint *out, struct hz_err *err)
{
	const char *text;
	int status = hz_words_value(words, name, &text, err);

	if (status != 0)
		return status;
	if ((has_port ? hz_endpoint_parse(text, out) : hz_addr_parse(text, &out->addr)) == 0)
		return 0;
	return hz_err_set(err, -EINVAL, 2, "usage", "hzctl xdp help", "'%.60s' is not %s", text,
	                  has_port ? "ADDR:PORT" : "an address");
}

static int flow_take(struct hz_words *words, struct hz_probe *probe, struct hz_err *err)
{
	static const char *const protocols[] = { "tcp", "udp", "icmp" };
	static const enum hz_probe_kind kinds[] = { HZ_PROBE_SYN, HZ_PROBE_UDP, HZ_PROBE_ECHO };
	uint32_t protocol;
	int status = hz_words_choice(words, "flow", protocols, 3, &protocol, err);

	if (status != 0)
		return status;
	probe->kind = kinds[protocol];
	status = endpoint_take(words, "SRC", probe->kind != HZ_PROBE_ECHO, &probe->from, err);
	if (status == 0)
		status = endpoint_take(words, "DST", probe->kind != HZ_PROBE_ECHO, &probe->to, err);
	if (status == 0 && hz_addr_is_v4(&probe->from.addr) != hz_addr_is_v4(&probe->to.addr))
		status = hz_err_set(err, -EINVAL, 2, "usage", "hzctl xdp help",
		                    "source and destination are of different families");
	return status;
}

static int args_take(struct hz_words *words, struct explain_args *args, struct hz_err *err)
{
	int status;

	if (hz_words_take(words, "pcap")) {
		args->is_pcap = true;
		status = hz_words_value(words, "pcap", &args->path, err);
	} else if (hz_words_take(words, "flow")) {
		status = flow_take(words, &args->probe, err);
	} else {
		return hz_words_unknown(words, "flow pcap", err);
	}
	if (status == 0 && hz_words_take(words, "dev"))
		status = hz_words_value(words, "dev", &args->ifname, err);
	return status == 0 ? hz_words_end(words, err) : status;
}

/* Without `dev` there must be one interface only. */
static int ifname_find(const struct hz_opts *opts, const char *asked, char out[IF_NAMESIZE],
                       struct hz_err *err)
{
	json_t *list;
	int status = 0;

	if (asked != NULL && strlen(asked) < IF_NAMESIZE) {
		snprintf(out, IF_NAMESIZE, "%s", asked);
		return 0;
	}
	status = hz_xdp_json_interfaces(opts->instance, NULL, &list, err);
	if (status != 0)
		return status;
	if (json_array_size(list) == 1)
		snprintf(out, IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1,
		         hz_out_string(json_array_get(list, 0), "ifname"));
	else if (json_array_size(list) == 0)
		status = hz_err_set(err, -ENOENT, 3, "not_attached", "hzctl xdp attach dev IF",
		                    "nothing is attached");
	else
		status = hz_err_set(err, -EINVAL, 2, "usage", "hzctl xdp explain ... dev IF",
		                    "several interfaces are attached: say which");
	json_decref(list);
	return status;
}

static json_t *verdict_json(const struct hz_xdp_explained *verdict, const uint8_t *frame,
                            size_t bytes)
{
	static const char *const actions[] = { "aborted", "drop", "pass", "tx", "steer" };
	const struct hz_names_reason *reason = hz_names_reason(verdict->reason);
	char text[HZ_FRAME_TEXT_MAX], answer[HZ_FRAME_TEXT_MAX] = "";
	const char *action =
		verdict->action < HZ_ARRAY_LEN(actions) ? actions[verdict->action] : "unknown";

	hz_frame_text(frame, bytes, text);
	if (strcmp(action, "tx") == 0)
		hz_frame_text(verdict->out, verdict->out_bytes, answer);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "headers", text, "verdict", action,
	                 "reason", reason->name, "help", reason->help, "rule", verdict->rule,
	                 "answer", answer);
}

static void explain_text(FILE *to, const json_t *result)
{
	const json_t *packet;
	size_t i;

	json_array_foreach (json_object_get(result, "packets"), i, packet) {
		fprintf(to, "%s\n  %s, %s: %s\n", hz_out_string(packet, "headers"),
		        hz_out_string(packet, "verdict"), hz_out_string(packet, "reason"),
		        hz_out_string(packet, "help"));
		if (hz_out_string(packet, "rule")[0] != '\0')
			fprintf(to, "  %s\n", hz_out_string(packet, "rule"));
		if (hz_out_string(packet, "answer")[0] != '\0')
			fprintf(to, "  answer %s\n", hz_out_string(packet, "answer"));
	}
	if (hz_out_u64(result, "skipped") > 0)
		fprintf(to, "%llu frames are too short, too long or cut\n",
		        (unsigned long long)hz_out_u64(result, "skipped"));
}

static int one_add(const struct hz_xdp_explain *explain, const uint8_t *frame, size_t bytes,
                   json_t *packets, struct hz_err *err)
{
	struct hz_xdp_explained verdict;
	int status = hz_xdp_explain_run(explain, frame, bytes, &verdict);

	if (status != 0)
		return hz_err_set(err, status, 1, "test_run", "ip link set DEV up",
		                  "the kernel did not run the program: %s", strerror(-status));
	json_array_append_new(packets, verdict_json(&verdict, frame, bytes));
	return 0;
}

static int frames_add(const struct hz_xdp_explain *explain, struct hz_pcap *pcap, json_t *packets,
                      uint64_t *skipped, struct hz_err *err)
{
	struct hz_pcap_frame frame;
	int status = 1;

	for (uint32_t i = 0; i < FRAMES_MAX && status == 1; i++) {
		status = hz_pcap_next(pcap, &frame);
		if (status < 0)
			return hz_err_set(err, status, 1, "pcap", "capinfos FILE",
			                  "the capture is cut or damaged behind frame %u", i);
		if (status == 0)
			break;
		if (frame.data_bytes < HZ_XDP_EXPLAIN_MIN ||
		    frame.data_bytes > HZ_XDP_EXPLAIN_MAX || frame.data_bytes < frame.frame_bytes) {
			++*skipped;
			continue;
		}
		if (one_add(explain, frame.data, frame.data_bytes, packets, err) != 0)
			return -EIO;
	}
	return 0;
}

/* A file as memory, to unmap; MAP_FAILED with errno. */
static void *fd_map(int fd, size_t *bytes)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return MAP_FAILED;
	if (!S_ISREG(info.st_mode) || info.st_size == 0 || info.st_size > FILE_MAX) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	*bytes = (size_t)info.st_size;
	return mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, fd, 0);
}

static int file_map(const char *path, void **data, size_t *bytes, struct hz_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error;

	*data = fd != -1 ? fd_map(fd, bytes) : MAP_FAILED;
	error = errno;
	if (fd != -1)
		close(fd);
	if (*data != MAP_FAILED)
		return 0;
	(void)hz_err_set(err, -EIO, 1, "file", "", "%s: %s", path, strerror(error));
	return -EIO;
}

static int pcap_add(const struct hz_xdp_explain *explain, const char *path, json_t *packets,
                    uint64_t *skipped, struct hz_err *err)
{
	struct hz_pcap pcap;
	size_t bytes = 0;
	void *data;
	int status = file_map(path, &data, &bytes, err);

	if (status != 0)
		return status;
	status = hz_pcap_open(&pcap, data, bytes);
	if (status != 0)
		(void)hz_err_set(err, status, 1, "pcap", "tcpdump -w FILE", "%s: %s", path,
		                 status == -ENOTSUP ? "not of Ethernet" : "no pcap or pcapng");
	else
		status = frames_add(explain, &pcap, packets, skipped, err);
	munmap(data, bytes);
	return status;
}

int hz_cmd_xdp_explain(const struct hz_opts *opts, struct hz_words *words, struct hz_err *err)
{
	struct explain_args args = { .is_pcap = false };
	struct hz_xdp_explain explain;
	uint8_t frame[HZ_PROBE_BYTES_MAX];
	char ifname[IF_NAMESIZE];
	uint64_t skipped = 0;
	json_t *packets;
	int status = args_take(words, &args, err);

	if (status == 0)
		status = ifname_find(opts, args.ifname, ifname, err);
	if (status == 0)
		status = hz_xdp_explain_open(opts->instance, ifname, &explain, err);
	if (status != 0)
		return status;
	packets = json_array();
	if (args.is_pcap)
		status = pcap_add(&explain, args.path, packets, &skipped, err);
	else
		status = one_add(&explain, frame, hz_probe_frame(&args.probe, frame), packets, err);
	hz_xdp_explain_close(&explain);
	if (status != 0) {
		json_decref(packets);
		return status;
	}
	return hz_out_result(&opts->out,
	                     json_pack("{s:s, s:I, s:o}", "ifname", ifname, "skipped",
	                               (json_int_t)skipped, "packets", packets),
	                     explain_text, err);
}
