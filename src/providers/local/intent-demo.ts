// What the offline model understands unless told otherwise: weather, time, small talk, and topics with a long answer.
import type { Intent } from './intent.ts';

const CAN_DO =
  'You can ask me for the weather or the time in a city, or to tell you about the moon, the ocean or coffee.';

/**
 * The default intents. `get_weather` takes `{ location }` and gives `{ location, condition, temperatureC }`; `get_time`
 * takes `{ location }` and gives `{ location, time }`. Without these tools the answers say so.
 */
export const DEMO_INTENTS: readonly Intent[] = [
  {
    name: 'weather',
    examples: [
      'what is the weather in {location}',
      'what is the weather like in {location}',
      'what is the whether in {location}', // what recognizers write
      'how is the weather in {location} today',
      'tell me the weather in {location}',
      'i need the weather for {location}',
      'i would like to know the weather in {location}',
      'can you check the weather for {location}',
      'weather in {location} please',
      'weather forecast for {location}',
      'what is the forecast in {location}',
      'what is the temperature in {location}',
      'how many degrees is it in {location}',
      'how warm is it in {location}',
      'how cold is it in {location}',
      'how hot is it in {location} right now',
      'is it raining in {location}',
      'is there any rain in {location}',
      'is there snow in {location}',
      'will it rain in {location} today',
      'is it sunny in {location}',
      'is it going to snow in {location}',
      'do i need an umbrella in {location}',
      'do i need a coat in {location}',
    ],
    slots: { location: 'location' },
    tool: 'get_weather',
    ask: 'For which city would you like the weather?',
    reply: 'I can not look up the weather right now.',
    answer: 'In {location} it is {condition}, with {temperatureC} degrees Celsius.',
    apology: 'I am sorry, I could not get the weather for {location}.',
  },
  {
    name: 'time',
    examples: [
      'what time is it in {location}',
      'what time visit in {location}', // what recognizers write
      'what time is it in {location} right now',
      'what is the time in {location}',
      'do you have the time in {location}',
      'check the time in {location}',
      'i need the time in {location}',
      'tell me the time in {location}',
      'tell me what time it is in {location}',
      'can you tell me the time in {location}',
      'i would like to know the time in {location}',
      'do you know what time it is in {location}',
      'the time in {location} please',
      'what is the current time in {location}',
      'current local time in {location}',
      'how late is it in {location}',
      'what does the clock say in {location}',
      'what hour is it in {location}',
      'is it already night in {location}',
    ],
    slots: { location: 'location' },
    tool: 'get_time',
    ask: 'For which city would you like the time?',
    reply: 'I can not look up the time right now.',
    answer: 'In {location} it is {time}.',
    apology: 'I am sorry, I could not find out the time in {location}.',
  },
  {
    name: 'moon',
    examples: [
      'tell me about the moon',
      'tell me a story about the moon',
      'tell me something about the moon',
      'what do you know about the moon',
      'what is the moon',
      'explain the moon to me',
      'talk about the moon',
    ],
    reply:
      'The moon is the only natural satellite of the earth, and it has been with us for about four and a half billion years. ' +
      'Most scientists think that it was born when a young planet, as large as Mars, hit the earth. ' +
      'The pieces of that collision came together again and formed the moon. ' +
      'It turns around us once in about twenty seven days, and always shows us the same side. ' +
      'Its gravity pulls at the oceans, which gives us high tide and low tide twice a day. ' +
      'Twelve people have walked on it so far, and their footprints are still there, because there is no wind to blow them away.',
  },
  {
    name: 'ocean',
    examples: [
      'tell me about the ocean',
      'tell me a story about the ocean',
      'tell me something about the sea',
      'what do you know about the oceans',
      'explain the ocean to me',
      'talk about the ocean',
    ],
    reply:
      'The ocean covers more than two thirds of our planet, and it holds almost all of the water on earth. ' +
      'Its deepest place is nearly eleven kilometers below the surface, deeper than the highest mountain is high. ' +
      'Sunlight reaches only the first two hundred meters, and below that it is dark and cold. ' +
      'Still, there is life everywhere, even beside hot springs at the very bottom. ' +
      'Tiny plants that drift near the surface make about half of the oxygen that we breathe. ' +
      'Most of the ocean floor has never been seen by anyone.',
  },
  {
    name: 'coffee',
    examples: [
      'tell me about coffee',
      'tell me something about coffee',
      'tell me the history of coffee',
      'what do you know about coffee',
      'explain coffee to me',
      'where does coffee come from',
    ],
    reply:
      'Coffee comes from the seeds of a small tree that first grew in the highlands of Ethiopia. ' +
      'A story says that a goatherd noticed how lively his goats became after they ate the red berries. ' +
      'From there it travelled to Yemen, where people began to roast and brew the beans. ' +
      'In the seventeenth century the first coffee houses opened in Europe, and they became places to talk and to trade. ' +
      'Today more than two billion cups are drunk every day. ' +
      'The taste depends on where the tree grew, how the beans were roasted, and how much time you take to make it.',
  },
  {
    name: 'identity',
    examples: [
      'who are you',
      'what are you',
      'what is your name',
      'are you a robot',
      'are you a human',
      'are you real',
      'who am i talking to',
      'tell me about yourself',
      'introduce yourself',
      'how do you work',
    ],
    reply:
      'I am a voice agent that runs offline on this computer. There is no language model behind me, only a small stand-in.',
  },
  {
    name: 'help',
    examples: [
      'help',
      'can you help me',
      'what can you do',
      'what can i say',
      'what can i ask you',
      'how can you help me',
      'what are your options',
      'i need help',
    ],
    reply: CAN_DO,
  },
  {
    name: 'repeat',
    examples: [
      'repeat that',
      'repeat that please',
      'please repeat',
      'say that again',
      'can you say that again',
      'could you repeat what you said',
      'what did you say',
      'pardon',
      'sorry i did not hear you',
      'come again',
      'once more please',
    ],
    reply: 'I have not said anything yet.',
    repeatsLastReply: true,
  },
  {
    name: 'stop',
    examples: [
      'stop',
      'stop it',
      'stop talking',
      'please stop',
      'stop please',
      'be quiet',
      'quiet please',
      'cancel',
      'never mind',
      'that is enough',
      'enough',
      'wait',
      'wait a moment',
      'shut up',
      'no',
    ],
    reply: 'All right.',
    isFiller: true,
  },
  {
    name: 'goodbye',
    examples: [
      'goodbye',
      'good bye',
      'good by', // what recognizers write
      'thank you good by',
      'that is all good by',
      'bye',
      'bye bye',
      'see you',
      'see you later',
      'have a nice day',
      'good night',
      'that is all goodbye',
      'thank you goodbye',
      'thanks bye',
      'thank you very much goodbye',
      'talk to you later',
    ],
    reply: 'You are welcome. Goodbye!',
    isFiller: true,
  },
  {
    name: 'thanks',
    examples: [
      'thanks',
      'thank you',
      'thank you very much',
      'thanks a lot',
      'many thanks',
      'thank you that was all',
      'thank you for your help',
      'that is very kind',
      'great thank you',
    ],
    reply: 'You are welcome!',
    isFiller: true,
  },
  {
    name: 'hello',
    examples: [
      'hello',
      'hi',
      'hi there',
      'hey',
      'hello there',
      'good morning',
      'good afternoon',
      'good evening',
      'hello, can you hear me',
      'nice to meet you',
      'how are you',
      'hello how are you today',
    ],
    reply: 'Hello! How can I help you?',
    isFiller: true,
  },
  {
    name: 'agree',
    examples: ['yes', 'yes please', 'okay', 'ok', 'all right', 'sure', 'good', 'great', 'fine', 'i see'],
    reply: 'Good. What would you like to know?',
    isFiller: true,
  },
];
